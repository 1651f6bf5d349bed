"""Questions to pricing: what is sold, what it stands for, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from services.chassis.money import Money
from services.subscription.offers import AddonQuantity, Capacity, CapacityKind, EndPolicy, Terms


class Interval(StrEnum):
    """How often a price is charged."""

    ONCE = "ONCE"
    MONTH = "MONTH"
    YEAR = "YEAR"


@dataclass(frozen=True, slots=True)
class Price:
    """A price, and what the providers call it, by the provider's name."""

    amount: Money
    interval: Interval
    provider_prices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResolvedPrice:
    """What a provider's price stands for: a plan, an add-on, or, where both are empty, nothing."""

    price_id: str
    plan: str = ""
    addon: str = ""
    catalog_version: str = ""
    amount: Money | None = None
    creates_account: bool = False
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """The capacity of a plan with add-ons, and what the plan says of itself.

    ``limits`` are the quantities that an organization may use, by the capacity's own names, and
    ``public_ips``; empty for other kinds. ``active_version`` of the plan's catalog was in force:
    as long as it is, the answer is the same. Empty if pricing does not say.
    """

    capacity: Capacity
    on_unpaid: EndPolicy
    on_end: EndPolicy
    retention: timedelta
    terms: Terms = field(default_factory=Terms)
    limits: Mapping[str, str] = field(default_factory=dict)
    active_version: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as it is sold. ``kind`` is None for a capacity that is not known here."""

    name: str
    catalog_version: str
    terms: Terms
    kind: CapacityKind | None
    prices: Sequence[Price] = ()
    self_service: bool = True
    trial_days: int = 0


@dataclass(frozen=True, slots=True)
class Addon:
    """An add-on as it is sold; ``on_sale`` says that customers may add it."""

    name: str
    prices: Sequence[Price] = ()
    on_sale: bool = True


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """A catalog, with the plan that everybody holds who pays for none; empty for none.

    ``version`` is the one in force.
    """

    name: str
    version: str
    free_plan: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """A plan with add-ons and how it is paid; an empty currency is that of its first price."""

    plan: str
    addons: tuple[AddonQuantity, ...] = ()
    currency: str = ""
    interval: Interval = Interval.MONTH
    trial: bool = False


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of a quote, and what the providers call its price."""

    subject: str
    quantity: int
    provider_prices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that was promised. ``amount`` is before tax, discount and trial."""

    name: str
    owner: str
    amount: Money
    expire_time: datetime
    taker: str = ""
    plan: str = ""
    interval: Interval = Interval.MONTH
    trial_days: int = 0
    lines: tuple[QuoteLine, ...] = ()


class Pricing(Protocol):
    """Questions to pricing; asked before a transaction, never in one."""

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Say what 1 to 100 price ids stand for, in their order."""
        ...

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        """Expand a plan; the version counts where the plan says ``pin`` or is gone since.

        NotFound or InvalidArgument if it cannot be expanded.
        """
        ...

    async def get_plan(self, plan: str) -> Plan:
        """Return a plan at its newest version; NotFound UNKNOWN_PLAN."""
        ...

    async def list_plans(self, catalog: str) -> Sequence[Plan]:
        """Return all plans of a catalog that customers are offered, in its order; NotFound."""
        ...

    async def list_addons(self, catalog: str) -> Sequence[Addon]:
        """Return all add-ons of a catalog, also those not on sale, in its order; NotFound."""
        ...

    async def list_catalogs(self) -> Sequence[CatalogInfo]:
        """Return the catalogs in force, by name."""
        ...

    async def create_quote(
        self, owner: str, selection: Selection, lifetime: timedelta, request_id: str
    ) -> Quote:
        """Have a selection priced for an account; the same ``request_id`` is the same quote."""
        ...

    async def get_quote(self, name: str) -> Quote:
        """Return a quote; NotFound UNKNOWN_QUOTE."""
        ...

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> Quote:
        """Take a quote once; FailedPrecondition QUOTE_TAKEN or QUOTE_EXPIRED."""
        ...
