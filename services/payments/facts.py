"""Facts of payments, before they become bytes: what is true about money, and its identity.

The id of a money fact is derived from the provider's object, so that every replay makes the same;
the id of the state fact holds the revision of our row besides. A money fact is asked for its id
wherever it goes, so that one is worked out when the fact is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.chassis.ids import derived
from services.chassis.money import Money
from services.payments.views import Item, ReversalKind, SubscriptionView


@dataclass(frozen=True, slots=True)
class Payer:
    """Whom an object belongs to, as far as the provider's own records and our operations prove."""

    provider: str
    provider_account: str
    customer_id: str
    email: str = ""
    account_id: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)

    def key(self, otherwise: str) -> str:
        """What this payer's facts are ordered by; ``otherwise`` for a guest."""
        if not self.customer_id:
            return otherwise
        return f"customer:{self.provider}/{self.provider_account}/{self.customer_id}"

    def fact_id(self, *parts: str) -> str:
        """The id of a fact about one of the payer's objects."""
        return derived("fct", "payments", self.provider, self.provider_account, *parts)


@dataclass(frozen=True, slots=True)
class CheckoutPaid:
    """A checkout was completed and its money is there, or none was asked for."""

    checkout_id: str
    payer: Payer
    items: tuple[Item, ...]
    subtotal: Money | None
    total: Money | None
    pay_time: datetime
    receive_time: datetime
    subscription_id: str = ""
    invoice_id: str = ""
    operation_id: str = ""
    quote: str = ""
    id: str = field(init=False)
    """Derived from the checkout."""

    revision = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.payer.fact_id("checkout", self.checkout_id))

    @property
    def object_id(self) -> str:
        """The provider's object that it is about."""
        return self.checkout_id

    @property
    def key(self) -> str:
        """The payer's, or the checkout's own for a guest."""
        return self.payer.key(f"checkout:{self.checkout_id}")


@dataclass(frozen=True, slots=True)
class InvoicePaid:
    """An invoice was paid."""

    invoice_id: str
    payer: Payer
    billing_reason: str
    paid: Money
    pay_time: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    subscription_id: str = ""
    id: str = field(init=False)
    """Derived from the invoice, whatever event told of it."""

    revision = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.payer.fact_id("invoice", self.invoice_id))

    @property
    def object_id(self) -> str:
        """The provider's object that it is about."""
        return self.invoice_id

    @property
    def key(self) -> str:
        """The payer's."""
        return self.payer.key(f"invoice:{self.invoice_id}")


@dataclass(frozen=True, slots=True)
class InvoicePaymentFailed:
    """One try to collect an invoice failed. ``attempt`` counts from 1."""

    invoice_id: str
    attempt: int
    payer: Payer
    subscription_id: str = ""
    failure_code: str = ""
    id: str = field(init=False)
    """Derived from the invoice and the attempt."""

    revision = 0

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "id", self.payer.fact_id("invoice", self.invoice_id, "failed", str(self.attempt))
        )

    @property
    def object_id(self) -> str:
        """The provider's object that it is about."""
        return self.invoice_id

    @property
    def key(self) -> str:
        """The payer's."""
        return self.payer.key(f"invoice:{self.invoice_id}")


@dataclass(frozen=True, slots=True)
class PaymentReversed:
    """Money that was paid went back, or came back after all: one movement."""

    reversal_id: str
    kind: ReversalKind
    payer: Payer
    amount: Money
    paid: Money
    reverse_time: datetime
    invoice_id: str = ""
    subscription_id: str = ""
    checkout_id: str = ""
    reason: str = ""
    id: str = field(init=False)
    """Derived from the refund or dispute, and the way that the money went."""

    revision = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.payer.fact_id("reversal", self.reversal_id, self.kind))

    @property
    def object_id(self) -> str:
        """The provider's object that it is about."""
        return self.reversal_id

    @property
    def key(self) -> str:
        """The payer's."""
        return self.payer.key(f"reversal:{self.reversal_id}")


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription as the provider has it; the latest revision wins."""

    view: SubscriptionView
    payer: Payer
    revision: int

    @property
    def id(self) -> str:
        """Derived from the subscription and its revision."""
        return self.payer.fact_id("subscription", self.view.id, str(self.revision))

    @property
    def key(self) -> str:
        """The payer's."""
        return self.payer.key(f"subscription:{self.view.id}")


MoneyFact = CheckoutPaid | InvoicePaid | InvoicePaymentFailed | PaymentReversed
Fact = MoneyFact | SubscriptionState
