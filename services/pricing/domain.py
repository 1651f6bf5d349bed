"""What may be sold: catalogs, plans, add-ons and prices. Values only; nothing here does I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.chassis.money import Money
from services.pricing.capacity import Capacity
from services.pricing.kinds import KindRule
from services.pricing.sessions import SessionRates


class Interval(StrEnum):
    """How often a price is charged."""

    ONCE = "once"
    MONTH = "month"
    YEAR = "year"


class EndPolicy(StrEnum):
    """What happens to the capacity when it is not paid, or when the subscription ends."""

    FREE = "free"
    SUSPEND_THEN_CANCEL = "suspend_then_cancel"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Price:
    """A price, and what the payment providers call it: provider name to their price id."""

    amount: Money
    interval: Interval
    provider_prices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Something that can be subscribed to. ``id`` is unique within its catalog.

    ``trial_days`` is how long it may be had before the first charge, 0 for not at all.
    """

    id: str
    display_name: str
    description: str
    tier: str
    prices: tuple[Price, ...]
    features: tuple[str, ...]
    highlights: tuple[str, ...]
    credits: int
    provisions: Capacity
    on_unpaid: EndPolicy
    on_end: EndPolicy
    pin: bool
    recommended: bool
    self_service: bool
    trial_days: int = 0


@dataclass(frozen=True, slots=True)
class Addon:
    """Something that is added to a plan. ``adds`` are quantities for one unit."""

    id: str
    display_name: str
    description: str
    prices: tuple[Price, ...]
    adds: Mapping[str, str]
    self_service: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class Billing:
    """Whether the customers of a hold can pay, and where a payment page sends them back to."""

    enabled: bool
    currency: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """One list of plans at one version. A version is the hash of the content and never changes."""

    name: str
    version: str
    description: str
    foreign_checkout_creates_account: bool
    retention_seconds: int
    plans: Mapping[str, Plan]
    addons: Mapping[str, Addon]
    free_plan: str = ""
    new_member_plan: str = ""
    grandfathered_plan: str = ""
    billing: Billing | None = None
    kinds: Mapping[str, KindRule] = field(default_factory=dict)
    sessions: SessionRates | None = None
    content: str = field(default="", repr=False, compare=False)

    def provider_prices(self) -> list["PricedSubject"]:
        """Return every price that a payment provider knows, with what it sells."""
        subjects: list[Plan | Addon] = [*self.plans.values(), *self.addons.values()]
        return [
            PricedSubject(provider, price_id, subject, price)
            for subject in subjects
            for price in subject.prices
            for provider, price_id in price.provider_prices.items()
        ]


@dataclass(frozen=True, slots=True)
class PricedSubject:
    """A provider's price and what it sells."""

    provider: str
    price_id: str
    subject: Plan | Addon
    price: Price


@dataclass(frozen=True, slots=True)
class ActiveCatalog:
    """A catalog's version that is in force, and why its source's newest content is not, if so."""

    catalog: Catalog
    activate_time: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedPrice:
    """What a provider's price stands for: a subject of a catalog's version, or nothing."""

    price_id: str
    found: tuple[Catalog, PricedSubject] | None


@dataclass(frozen=True, slots=True)
class Expansion:
    """A plan with add-ons, expanded; ``active_version`` of its catalog was in force then."""

    catalog: Catalog
    plan: Plan
    capacity: Capacity
    active_version: str


def qualified(catalog: str, item: str) -> str:
    """Return the name that a plan or add-on has outside its catalog."""
    return f"{catalog}/{item}"


def split_name(name: str) -> tuple[str, str]:
    """Return catalog and id of ``<catalog>/<plan>``; ValueError if it is not of that form."""
    catalog, slash, item = name.partition("/")
    if not (catalog and slash and item) or "/" in item:
        raise ValueError(f"{name!r} is no name of the form <catalog>/<plan>")
    return catalog, item
