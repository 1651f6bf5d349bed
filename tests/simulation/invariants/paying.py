"""Whose a payment is, for the invariants."""

from collections import defaultdict
from typing import TYPE_CHECKING

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


def rival(one: Paid, other: Paid) -> bool:
    """Tell whether one account cannot hold both."""
    same = one.plan.kind == other.plan.kind
    return same or "nothing" not in (one.plan.kind, other.plan.kind)
