"""Facts that others tell this service: what payments proved and what the provisioner saw."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.chassis.money import Money


class ProviderStatus(StrEnum):
    """Where a provider says that its subscription stands."""

    INCOMPLETE = "INCOMPLETE"
    INCOMPLETE_EXPIRED = "INCOMPLETE_EXPIRED"
    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    UNPAID = "UNPAID"
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"


class Customer(NamedTuple):
    """A provider's customer. ``customer_id`` is empty for a guest, who is nobody's customer."""

    provider: str
    provider_account: str
    customer_id: str

    @property
    def waiting_key(self) -> str:
        """What facts of this customer wait for while it belongs to no account."""
        return f"customer:{self.provider}/{self.provider_account}/{self.customer_id}"


@dataclass(frozen=True, slots=True)
class Payer:
    """Whom a provider's object belongs to.

    ``account_id`` was written by an operation of ours. ``identity`` holds the keys of the
    customer's metadata that name somebody; only holders of the provider's key can write them.
    """

    customer: Customer
    email: str = ""
    account_id: str = ""
    identity: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was bought; ``quantity`` from 1."""

    price_id: str
    quantity: int
    subtotal: Money | None = None


@dataclass(frozen=True, slots=True)
class CheckoutPaid:
    """A checkout session was completed and its money is there, or none was asked for.

    ``total`` is None where the provider names none. ``quote`` is what the operation of ours that
    made the session was for, empty for none.
    """

    checkout_id: str
    payer: Payer
    items: tuple[Item, ...]
    total: Money | None
    pay_time: datetime
    subtotal: Money | None = None
    provider_subscription_id: str = ""
    operation_id: str = ""
    invoice_id: str = ""
    receive_time: datetime | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class InvoicePaid:
    """An invoice was paid."""

    invoice_id: str
    payer: Payer
    provider_subscription_id: str
    billing_reason: str
    paid: Money
    pay_time: datetime
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class InvoicePaymentFailed:
    """A payment of an invoice failed; changes no entitlement by itself."""

    invoice_id: str
    attempt: int
    payer: Payer
    provider_subscription_id: str = ""
    failure_code: str = ""


@dataclass(frozen=True, slots=True)
class ProviderSubscription:
    """A subscription as the provider has it: a full snapshot, the newest revision wins."""

    provider_subscription_id: str
    payer: Payer
    status: ProviderStatus
    items: tuple[Item, ...]
    cancel_at_period_end: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    cancel_time: datetime | None = None
    collection_paused: bool = False


class ReversalKind(StrEnum):
    """What moved: money that went back, or came back after all."""

    REFUND = "REFUND"
    REFUND_FAILED = "REFUND_FAILED"
    DISPUTE = "DISPUTE"
    DISPUTE_WON = "DISPUTE_WON"


@dataclass(frozen=True, slots=True)
class PaymentReversed:
    """Money of a payment went back, or came back; each movement once. Amounts are above 0."""

    reversal_id: str
    kind: ReversalKind
    payer: Payer
    amount: Money
    paid: Money
    reverse_time: datetime
    invoice_id: str = ""
    provider_subscription_id: str = ""
    checkout_id: str = ""
    reason: str = ""


PaymentFact = (
    CheckoutPaid | InvoicePaid | InvoicePaymentFailed | PaymentReversed | ProviderSubscription
)
