"""What the gateway is told of smaller plans."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Cores, and GiB of memory and storage, as exact decimals."""

    cpu: str
    memory: str
    storage: str


@dataclass(frozen=True, slots=True)
class SmallerPlan:
    """The plan that would do; ``basis`` is plan-price or rate-card.

    ``monthly_saving`` is a decimal in the currency's major unit, as a text; it does not count what
    is ``left_out``: addons, terms, volume-discounts.
    """

    plan: str
    sizes: Sizes
    basis: str
    monthly_saving: str
    currency: str
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is said of one tenant. ``used`` None: nobody knows.

    ``outcome`` is smaller-plan, insufficient-data, well-used or no-cheaper-plan.
    """

    tenant: str
    account: str
    user: str
    organization: str
    plan: str
    outcome: str
    hours: int
    paid: Sizes
    used: Sizes | None
    smaller: SmallerPlan | None


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A page, by tenant."""

    items: Sequence[Recommendation]
    next_token: str
