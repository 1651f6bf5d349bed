"""Subscription, as the gateway sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.ports.notices import BudgetNotices
from services.chassis.money import Money


class AccountKind(StrEnum):
    """What kind of somebody an account is."""

    USER = "user"
    ORGANIZATION = "organization"


class State(StrEnum):
    """Where a subscription stands."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    CANCELING = "canceling"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Interval(StrEnum):
    """How often a price is charged."""

    ONCE = "once"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class AddonQuantity:
    """An add-on, ``<catalog>/<add-on>``, and how many of it."""

    addon: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription that an account holds, or held; ``assigned`` by hand, without money."""

    name: str
    plan: str
    plan_display_name: str
    catalog_version: str
    state: State
    addons: Sequence[AddonQuantity]
    create_time: datetime
    provider_subscription_id: str = ""
    provider_customer_id: str = ""
    begin_time: datetime | None = None
    suspend_time: datetime | None = None
    trial_end_time: datetime | None = None
    period_end: datetime | None = None
    assigned: bool = False


@dataclass(frozen=True, slots=True)
class Purchase:
    """A plan that somebody wants to pay for, and where the person goes afterwards."""

    account: str
    plan: str
    addons: Sequence[AddonQuantity]
    currency: str
    interval: Interval
    promotion_code: str
    trial: bool
    success_url: str
    cancel_url: str
    request_id: str


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A page of the provider where a purchase can be paid until it is shut."""

    quote: str
    checkout_id: str
    url: str
    expire_time: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a subscription is to be. An empty plan keeps the plan, ``addons`` None the add-ons.

    ``addon_changes`` are units more of an add-on that is held, or less.
    """

    subscription: str
    plan: str = ""
    addons: Sequence[AddonQuantity] | None = None
    request_id: str = ""
    validate_only: bool = False
    addon_changes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a payment page; ``plan`` is empty while subscription has not heard."""

    verified: bool
    state: State
    plan: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """What somebody has to hold; an empty account is that of the person who acts."""

    account: str
    tier: str
    features: Sequence[str]
    catalog: str


@dataclass(frozen=True, slots=True)
class Price:
    """What is charged, and how often."""

    amount: Money
    interval: Interval


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The cheapest plan that would meet a requirement."""

    plan: str
    display_name: str
    tier: str
    price: Price | None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What somebody holds, and, where that is not enough, why and what would be.

    ``state`` is None for a free plan, and for nothing at all.
    """

    valid: bool
    tier: str
    features: Sequence[str]
    remaining_credits: int
    next_billing_time: datetime | None
    state: State | None
    reason: str = ""
    message: str = ""
    missing_features: Sequence[str] = ()
    upgrade: Upgrade | None = None


class Subscription(BudgetNotices, Protocol):
    """The subscription service."""

    async def find_account(self, kind: AccountKind, external_id: str) -> str:
        """Return the account of this name among those that the actor may see; empty for none."""
        ...

    async def ensure_account(self, kind: AccountKind, external_id: str, email: str) -> str:
        """Return the account of this name, made if it did not stand."""
        ...

    async def subscriptions(self, account: str) -> Sequence[Held]:
        """Return an account's subscriptions, oldest first."""
        ...

    async def buy(self, purchase: Purchase) -> PaymentPage:
        """Begin a purchase, or find the page of the one that is under way."""
        ...

    async def change(self, change: Change) -> Held:
        """Change a subscription; it is returned as it was asked to be."""
        ...

    async def cancel(self, subscription: str, *, now: bool, request_id: str) -> Held:
        """End a subscription, when its period does unless ``now``."""
        ...

    async def verify(self, account: str, checkout_id: str) -> Verified:
        """Say what became of a payment page of an account."""
        ...

    async def portal(self, account: str, return_url: str) -> str:
        """Return a URL of the provider's portal."""
        ...

    async def entitlement(self, requirement: Requirement) -> Entitlement:
        """Say whether a requirement is met."""
        ...
