"""Questions to payments: pages to pay at, and changes of what the provider bills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.chassis.facts import FactRecord
from services.chassis.money import Money

NO_PROVIDER = "none"


class PageState(StrEnum):
    """Where a payment page stands."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    EXPIRED = "EXPIRED"


class EndMode(StrEnum):
    """How a subscription ends, or that it goes on after all."""

    AT_PERIOD_END = "AT_PERIOD_END"
    NOW = "NOW"
    RESUME = "RESUME"


@dataclass(frozen=True, slots=True)
class Provider:
    """The payment provider that is on; ``account`` is the one that its key belongs to."""

    name: str
    account: str = ""
    checkout: bool = False


@dataclass(frozen=True, slots=True)
class BilledItem:
    """Something that is billed at a provider's price; ``quantity`` from 1."""

    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PageOrder:
    """A payment page that is to be made. ``customer_id`` is a hint, empty for none."""

    account: str
    identity: Mapping[str, str]
    email: str
    items: Sequence[BilledItem]
    recurring: bool
    quote: str
    subtotal: Money
    expire_time: datetime
    success_url: str
    cancel_url: str
    trial_days: int
    promotion_code: str
    customer_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """A payment page of ours as the provider has it. ``url`` is empty unless it is open."""

    operation: str
    checkout_id: str
    account: str
    quote: str
    state: PageState
    paid: bool = False
    url: str = ""
    expire_time: datetime | None = None
    provider_subscription_id: str = ""
    subtotal: Money | None = None


class Payments(Protocol):
    """What payments does for us; called before or after a transaction, never in one.

    ``request_id`` is an idempotency key: the same reaches the same operation. All raise
    FailedPrecondition PROVIDER_OFF where no provider is on.
    """

    async def get_provider(self) -> Provider:
        """Return the provider that is on."""
        ...

    async def create_checkout(self, order: PageOrder) -> Page:
        """Have a page made, or get the open one that was made for the same."""
        ...

    async def get_checkout(self, account: str, checkout_id: str) -> Page:
        """Return a page of the account; NotFound UNKNOWN_CHECKOUT."""
        ...

    async def portal(self, account: str, return_url: str, customer_id: str) -> str:
        """Return a URL of the provider's portal; FailedPrecondition NO_CUSTOMER."""
        ...

    async def change(
        self,
        account: str,
        provider_subscription_id: str,
        items: Sequence[BilledItem],
        request_id: str,
        held: Sequence[BilledItem] = (),
    ) -> None:
        """Have a subscription billed for these items from now on.

        Aborted SUBSCRIPTION_CHANGED for good if it was billed for something else than ``held``.
        """
        ...

    async def end(
        self, account: str, provider_subscription_id: str, mode: EndMode, request_id: str
    ) -> None:
        """End a subscription, or take a coming end back."""
        ...

    async def refund(self, checkout_id: str, reason: str, request_id: str) -> str:
        """Give back what a checkout was paid with and end what it began; return the refund's id.

        FailedPrecondition NOTHING_TO_REFUND if nothing was charged and nothing stands.
        """
        ...

    async def give_way(
        self,
        account: str,
        provider_subscription_id: str,
        paid_since: datetime,
        reason: str,
        request_id: str,
    ) -> str:
        """End a subscription now and give back what was collected for it since a time.

        Returns the refund's id, empty if nothing was collected.
        """
        ...

    async def refresh(self, provider_subscription_id: str) -> FactRecord:
        """Return the state fact of a subscription, from a fetch that begins after this was asked.

        NotFound UNKNOWN_SUBSCRIPTION; FailedPrecondition NOT_OURS; Aborted if another was faster.
        """
        ...
