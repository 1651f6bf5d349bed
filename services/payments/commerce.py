"""What is sold through a provider: pages, customers, changes, refunds, in words of no provider."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from services.chassis.money import Money
from services.payments.domain import AccountId, OperationId
from services.payments.views import SubscriptionView

Parameters = Mapping[str, object]
"""What is sent to a provider: plain JSON, kept byte for byte."""


def encode(content: object) -> bytes:
    """Return the bytes of JSON content, the same for the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def decode(content: bytes) -> dict[str, object]:
    """Read what ``encode`` wrote of an object."""
    found: dict[str, object] = json.loads(content)
    return found


def digest(content: object) -> bytes:
    """Return 32 bytes that are the same for the same JSON content."""
    return hashlib.sha256(encode(content)).digest()


@dataclass(frozen=True, slots=True)
class BilledItem:
    """Something that is billed at a provider's price, in a quantity from 1."""

    price_id: str
    quantity: int


def plain(items: Iterable[BilledItem]) -> list[list[str | int]]:
    """Return items as JSON."""
    return [[item.price_id, item.quantity] for item in items]


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer to be made. ``identity`` names the account outside, for the metadata."""

    email: str
    identity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """A payment page to be made. ``subtotal`` is what the provider's has to be."""

    items: tuple[BilledItem, ...]
    recurring: bool
    quote: str
    subtotal: Money
    expire_time: datetime
    success_url: str
    cancel_url: str
    trial_days: int = 0
    promotion_code: str = ""
    customer: NewCustomer = field(default_factory=lambda: NewCustomer("", {}))
    customer_id: str = ""

    @property
    def content(self) -> dict[str, object]:
        """Everything of it as JSON, for the operation's row."""
        return {
            **self.sold,
            "expire_time": int(self.expire_time.timestamp()),
            "email": self.customer.email,
            "identity": dict(sorted(self.customer.identity.items())),
            "customer_id": self.customer_id,
        }

    @property
    def sold(self) -> dict[str, object]:
        """What makes two pages the same to the person who pays: not whose they are or how long."""
        return {
            "items": plain(self.items),
            "recurring": self.recurring,
            "quote": self.quote,
            "currency": self.subtotal.currency,
            "subtotal": self.subtotal.minor_units,
            "success_url": self.success_url,
            "cancel_url": self.cancel_url,
            "trial_days": self.trial_days,
            "promotion_code": self.promotion_code,
        }


@unique
class PageState(StrEnum):
    """Where a payment page stands."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Page:
    """A payment page as the provider has it. ``url`` is empty unless it is open; never stored.

    ``subtotal`` is before tax, discount and trial.
    """

    id: str
    state: PageState
    paid: bool
    url: str = field(repr=False)
    expire_time: datetime | None
    customer_id: str
    subscription_id: str
    subtotal: Money | None


@unique
class PlaceState(StrEnum):
    """Whether a page still takes the one place that its account has."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Place:
    """An account's page as we know it. ``session_id`` is empty until it was made.

    An account has one that is OPEN at most.
    """

    operation_id: OperationId
    account_id: AccountId
    provider: str
    provider_account: str
    quote: str
    ask_hash: bytes
    expire_time: datetime
    session_id: str = ""
    state: PlaceState = PlaceState.OPEN


@dataclass(frozen=True, slots=True)
class AccountPage:
    """What a caller is answered: the page, and what we know of it."""

    place: Place
    page: Page


@dataclass(frozen=True, slots=True)
class StandingItem:
    """One thing that a subscription is billed for. ``id`` is the provider's, of the item."""

    id: str
    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscription as the provider has it, with what is needed to change it."""

    view: SubscriptionView
    items: tuple[StandingItem, ...]

    @property
    def billed(self) -> tuple[BilledItem, ...]:
        """What it is billed for."""
        return tuple(BilledItem(item.price_id, item.quantity) for item in self.items)


@unique
class EndMode(StrEnum):
    """How a subscription ends."""

    AT_PERIOD_END = "AT_PERIOD_END"
    NOW = "NOW"
    RESUME = "RESUME"


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One step from what is billed to what shall be; no ``item_id`` adds, no quantity removes."""

    item_id: str = ""
    price_id: str = ""
    quantity: int = 0


def item_changes(
    standing: tuple[StandingItem, ...], wanted: tuple[BilledItem, ...]
) -> tuple[ItemChange, ...]:
    """Return the steps that lead from one to the other; none if nothing is to change.

    An item keeps its place as long as it can: the same price gets its quantity, then what is left
    of both sides is paired in order (the plan swaps its price in place and keeps its period), and
    only the rest is removed or added.
    """
    left = {item.price_id: item for item in wanted}
    changes: list[ItemChange] = []
    loose: list[StandingItem] = []
    for item in standing:
        same = left.pop(item.price_id, None)
        if same is None:
            loose.append(item)
        elif same.quantity != item.quantity:
            changes.append(ItemChange(item.id, "", same.quantity))
    new = list(left.values())
    for item, other in zip(loose, new, strict=False):
        changes.append(ItemChange(item.id, other.price_id, other.quantity))
    changes += [ItemChange(item.id) for item in loose[len(new) :]]
    changes += [ItemChange("", item.price_id, item.quantity) for item in new[len(loose) :]]
    return tuple(changes)


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment that was collected, and what of it was given back or taken back already.

    ``disputed`` is what the payer's bank holds or took; None for nothing.
    """

    payment_id: str
    paid: Money
    refunded: Money
    refund_id: str = ""
    disputed: Money | None = None

    @property
    def left(self) -> Money:
        """What can still be given back."""
        none = Money.zero(self.paid.currency)
        return max(self.paid - self.refunded - (self.disputed or none), none)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a checkout was paid with and what it began.

    ``subscription_stands``: the subscription that it began has not ended.
    """

    checkout_id: str
    charges: tuple[Charge, ...] = ()
    subscription_id: str = ""
    subscription_stands: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that was given back, or is on its way. ``failed``: the provider could not."""

    id: str
    amount: Money
    failed: bool = False
