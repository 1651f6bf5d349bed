"""Whose a payment is, for the invariants."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from services.payments.binding import OperationKind
from services.payments.domain import OperationId
from tests.simulation.invariants import reading
from tests.simulation.shop_truth import Paid

if TYPE_CHECKING:
    from tests.simulation.world import World


def account_of(world: "World", paid: Paid) -> str:
    """Return whose it is: what our marker says, or to whom the customer is bound."""
    return paid.owner or reading.owner_of(world, paid.row.customer)


def by_account(world: "World") -> dict[str, list[Paid]]:
    """Return what was ever bought, by account, in the order of payment."""
    found: defaultdict[str, list[Paid]] = defaultdict(list)
    for paid in world.shop.truth():
        found[account_of(world, paid)].append(paid)
    return dict(found)


def refused_at(world: "World", paid: Paid) -> datetime | None:
    """Return when a purchase was given back because there was no room for it; None if it was not.

    Of what nothing was paid yet, there is only an end: by the operation that gives a checkout back.
    """
    if paid.given_back is not None:
        return paid.given_back.made
    name, _, _ = paid.row.ended_by.removesuffix(".cancel").rpartition(".")
    ended = reading.operations(world).get(OperationId(name))
    gave_back = ended is not None and ended.kind is OperationKind.REFUND
    return paid.row.over_at if gave_back else None


def rival(one: Paid, other: Paid) -> bool:
    """Tell whether one account cannot hold both."""
    same = one.plan.kind == other.plan.kind
    return same or "nothing" not in (one.plan.kind, other.plan.kind)
