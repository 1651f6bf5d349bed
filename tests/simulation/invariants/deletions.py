"""Nothing is deleted without a permit, and no permit is given while it is paid."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.provisioner import naming
from services.subscription.domain import Phase
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AllTheTime
from tests.simulation.invariants.paying import account_of, refused_at
from tests.simulation.shop_truth import Paid

if TYPE_CHECKING:
    from tests.simulation.cluster_store import Write
    from tests.simulation.world import World

_WAY = timedelta(days=2)
"""How long the news of a payment may be on its way at most."""


class NothingDeletedWithoutPermit(AllTheTime):
    """A namespace is deleted only as ordered, long after the last of it was paid."""

    name = "nothing deleted without a permit"

    def __init__(self) -> None:
        self._looked = 0

    def check(self, world: "World") -> list[str]:
        """Look at the deletions since the last look."""
        history = world.cluster.history
        news = history[self._looked :]
        self._looked = len(history)
        return [
            told
            for write in news
            if write.ours and write.verb == "delete" and write.live.ref.kind == "Namespace"
            for told in _deleted(world, write)
        ]


def _deleted(world: "World", write: "Write") -> list[str]:
    tenant = reading.tenants(world).get(write.tenant)
    account = write.live.label(naming.LABEL_ACCOUNT)
    order = reading.orders(world).get((account, tenant.order.incarnation)) if tenant else None
    name = write.live.ref.name
    if order is None or order.phase is not Phase.DELETED:
        return [f"{name} of {account} was deleted, and what is ordered is {order}"]
    return [
        f"{name} of {account} was deleted at {write.at}, and {paid.row.id} ended {paid.row.over_at}"
        for paid in world.shop.truth()
        if account_of(world, paid) == account
        and paid.plan.kind == "namespace"
        and refused_at(world, paid) is None
        and _forbids(paid, write.at)
    ]


def _forbids(paid: Paid, at: datetime) -> bool:
    """Tell whether it kept its capacity from being deleted at a moment.

    What was paid while it was being deleted buys the next incarnation. (What was given back because
    there was no room for it never counted.)
    """
    if at - paid.paid_at < _WAY:
        return False
    ended = paid.row.over_at
    return ended is None or ended > at - paid.plan.retention
