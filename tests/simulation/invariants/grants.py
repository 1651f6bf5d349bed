"""Credits are granted once for every period that was paid, and for nothing else."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from services.subscription.domain import UnitKey
from services.subscription.ledger import Grant
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AtTheEnd
from tests.simulation.shop_truth import Paid

if TYPE_CHECKING:
    from tests.simulation.world import World


class GrantedOncePerPeriod(AtTheEnd):
    """The newest paid period of what is in force was granted, and no period twice."""

    name = "granted once per period"

    def final(self, world: "World") -> list[str]:
        """Hold the grants against the paid periods."""
        granted: defaultdict[str, list[Grant]] = defaultdict(list)
        for grant in reading.grants(world).values():
            granted[grant.subscription].append(grant)
        wrong = []
        for paid in world.shop.truth():
            key = UnitKey(reading.PROVIDER, reading.PROVIDER_ACCOUNT, paid.row.id)
            wrong += _of(paid, granted.pop(key.subscription_name, []))
        return wrong + [f"{name} was granted credits and never paid" for name in granted if name]


def _of(paid: Paid, grants: list[Grant]) -> list[str]:
    due = paid.plan.credits
    periods = _periods(paid)
    starts = [grant.period_start for grant in grants]
    wrong = []
    if len(set(starts)) != len(starts):
        wrong.append(f"{paid.row.id} was granted a period twice: {starts}")
    for grant in grants:
        if grant.period_start not in periods:
            wrong.append(f"{paid.row.id} was granted {grant.period_start}, which was never paid")
        if grant.granted != due:
            wrong.append(f"{paid.row.id} was granted {grant.granted}, its plan says {due}")
    expected = bool(due) and bool(periods) and paid.given_back is None and paid.live
    if expected and periods[-1] not in starts:
        wrong.append(f"{paid.row.id} was not granted {periods[-1]}, which is paid")
    return wrong


def _periods(paid: Paid) -> list[datetime | None]:
    """Return the paid periods, as grants name them: None is the first."""
    first = paid.row.made
    return [
        None if start == first else start.replace(microsecond=0) for start in paid.row.paid_periods
    ]
