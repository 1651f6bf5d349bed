"""What a fetch of a provider's object showed, in words that no provider owns.

Adapters make these from the provider's answers, folding turns them into facts. ``None`` for an
amount or a time means that the provider did not say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from services.chassis.money import Money
from services.payments.domain import ObjectRef, RootKind

IDENTITY_KEYS = ("user_id", "organization", "user_did", "hold_did")
"""Of a customer's metadata, the keys that name somebody."""


@dataclass(frozen=True, slots=True)
class CustomerView:
    """The provider's customer; ``id`` is empty for a guest."""

    id: str = ""
    email: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was bought or is subscribed to."""

    price_id: str
    quantity: int
    subtotal: Money | None


@dataclass(frozen=True, slots=True)
class Marker:
    """What we wrote into an object's metadata before it was made; proven by nothing yet."""

    operation_id: str
    deployment: str
    account_id: str


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """A checkout session. ``paid``: it is complete, and its money is there or none was asked."""

    id: str
    paid: bool
    customer: CustomerView
    items: tuple[Item, ...]
    subtotal: Money | None
    total: Money | None
    subscription_id: str = ""
    invoice_id: str = ""
    pay_time: datetime | None = None
    marker: Marker | None = None

    @property
    def ref(self) -> ObjectRef:
        """The object that this is a view of."""
        return ObjectRef(RootKind.CHECKOUT, self.id)


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """An invoice. ``attempts`` counts the tries to collect it so far."""

    id: str
    paid: bool
    customer: CustomerView
    amount_paid: Money
    billing_reason: str
    attempts: int
    subscription_id: str = ""
    period_start: datetime | None = None
    period_end: datetime | None = None
    pay_time: datetime | None = None
    failure_code: str = ""
    marker: Marker | None = None

    @property
    def ref(self) -> ObjectRef:
        """The object that this is a view of."""
        return ObjectRef(RootKind.INVOICE, self.id)


@unique
class SubscriptionStatus(StrEnum):
    """Where the provider says that a subscription stands."""

    INCOMPLETE = "INCOMPLETE"
    INCOMPLETE_EXPIRED = "INCOMPLETE_EXPIRED"
    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    UNPAID = "UNPAID"
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription, whole."""

    id: str
    status: SubscriptionStatus
    customer: CustomerView
    items: tuple[Item, ...]
    cancel_at_period_end: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    cancel_time: datetime | None = None
    collection_paused: bool = False
    marker: Marker | None = None

    @property
    def ref(self) -> ObjectRef:
        """The object that this is a view of."""
        return ObjectRef(RootKind.SUBSCRIPTION, self.id)


@unique
class ReversalKind(StrEnum):
    """Which way money moved after it was paid."""

    REFUND = "REFUND"
    REFUND_FAILED = "REFUND_FAILED"
    DISPUTE = "DISPUTE"
    DISPUTE_WON = "DISPUTE_WON"


@dataclass(frozen=True, slots=True)
class ReversalView:
    """A refund or dispute, joined to the payment, invoice and checkout that it is about.

    ``movements`` are those that have happened by now, as far as the provider shows; an amount is
    above 0. ``time`` is when the provider's object was made.
    """

    kind: RootKind
    id: str
    movements: tuple[ReversalKind, ...]
    amount: Money
    paid: Money
    customer: CustomerView
    time: datetime | None
    invoice_id: str = ""
    subscription_id: str = ""
    checkout_id: str = ""
    reason: str = ""
    marker: Marker | None = None

    @property
    def ref(self) -> ObjectRef:
        """The object that this is a view of."""
        return ObjectRef(self.kind, self.id)


View = CheckoutView | InvoiceView | SubscriptionView | ReversalView


@dataclass(frozen=True, slots=True)
class Projection:
    """Everything that one fetch of a root object showed."""

    root: ObjectRef
    checkout: CheckoutView | None = None
    invoices: tuple[InvoiceView, ...] = ()
    subscription: SubscriptionView | None = None
    reversal: ReversalView | None = None

    @property
    def views(self) -> tuple[View, ...]:
        """All objects in it."""
        found: list[View] = [*self.invoices]
        if self.checkout is not None:
            found.append(self.checkout)
        if self.subscription is not None:
            found.append(self.subscription)
        if self.reversal is not None:
            found.append(self.reversal)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Proof:
    """What an event proves beyond the object that is fetched for it.

    ``payment_failed``: a try to collect the invoice failed; ``attempt`` is its number where the
    signed payload is in the pinned version and says so, else None.
    """

    payment_failed: bool = False
    attempt: int | None = None
