"""What a plan with its add-ons stands for: capacity, terms, and what happens at its end."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class EndPolicy(StrEnum):
    """What a plan says about capacity that is no longer paid."""

    FREE = "FREE"
    SUSPEND_THEN_CANCEL = "SUSPEND_THEN_CANCEL"
    DELETE = "DELETE"


class CapacityKind(StrEnum):
    """What kind of thing stands for a capacity."""

    NOTHING = "nothing"
    NAMESPACE = "namespace"
    ORGANIZATION = "organization"
    TENANT = "tenant"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Capacity:
    """A capacity as pricing expanded it; ``body`` is opaque here and compared byte for byte."""

    kind: CapacityKind
    body: bytes


def rivals(one: CapacityKind, other: CapacityKind) -> bool:
    """Tell whether the one order of an account cannot hold both kinds of capacity."""
    return one is other or CapacityKind.NOTHING not in (one, other)


@dataclass(frozen=True, slots=True)
class AddonQuantity:
    """An add-on and how many of it, 1 to 1000."""

    addon: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan is called and what it entitles to; ``credits`` are granted for each period.

    All empty in what a version stored that did not ask for it yet.
    """

    display_name: str = ""
    tier: str = ""
    features: tuple[str, ...] = ()
    credits: int = 0


UNTOLD = Terms()
"""The terms in rows of a version that did not ask for them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What bought items stand for, as pricing said before the transaction.

    ``free`` says that every item costs nothing, so that no payment is waited for.
    ``creates_account`` is the catalog's rule for checkouts that others made.
    """

    plan: str
    catalog_version: str
    addons: tuple[AddonQuantity, ...]
    capacity: Capacity
    on_unpaid: EndPolicy
    on_end: EndPolicy
    retention: timedelta
    free: bool = False
    creates_account: bool = False
    terms: Terms = UNTOLD

    @property
    def catalog(self) -> str:
        """The catalog that the plan is of; also the name of its pool of credits."""
        return catalog_of(self.plan)


def catalog_of(plan: str) -> str:
    """Return the catalog in a plan's or an add-on's full name, empty if it has none."""
    catalog, slash, _ = plan.partition("/")
    return catalog if slash else ""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What items stand for, or why that cannot be said (``problem``, a Reason)."""

    offer: Offer | None = None
    problem: str = ""
    unknown_prices: tuple[str, ...] = ()
