"""What the simulated provider keeps: customers, pages, subscriptions, invoices, payments."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.chassis.money import Money
from services.payments.commerce import PageState
from services.payments.views import Marker, SubscriptionStatus

LIVE = frozenset(
    {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING, SubscriptionStatus.PAST_DUE}
)
OVER = frozenset({SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED})


class InvoiceState(StrEnum):
    """Where an invoice stands."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PAID = "PAID"
    VOID = "VOID"


class RefundState(StrEnum):
    """Where a refund stands; only one that succeeded has moved money."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "needs_response"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Coupon:
    """What a promotion code takes off: so much of the first invoice, or of every one if it lasts.

    What is charged only after a trial is what counts as the first.
    """

    percent: int
    lasts: bool = False


@dataclass(slots=True)
class CustomerRow:
    """A customer. ``declines`` says that the card on file is refused.

    ``balance`` is what invoices below nothing left over, in minor units: the next ones take it.
    """

    id: str
    email: str
    identity: dict[str, str]
    marker: Marker | None
    made: datetime
    declines: bool = False
    balance: int = 0


@dataclass(slots=True)
class ItemRow:
    """One thing that a subscription is billed for."""

    id: str
    price_id: str
    quantity: int


@dataclass(slots=True)
class SessionRow:
    """A payment page; ``total`` is what is due at once, after trial and promotion.

    One that is complete and not paid waits for a bank, or was given up by it.
    """

    id: str
    items: tuple[tuple[str, int], ...]
    recurring: bool
    customer: str
    marker: Marker | None
    made: datetime
    expires: datetime
    subtotal: Money
    total: Money
    trial_days: int = 0
    coupon: Coupon | None = None
    state: PageState = PageState.OPEN
    paid: bool = False
    subscription: str = ""
    invoice: str = ""
    payment: str = ""
    paid_at: datetime | None = None


@dataclass(slots=True)
class InvoiceRow:
    """An invoice of a subscription. ``amount`` is collected, after what is in its favour."""

    id: str
    subscription: str
    customer: str
    reason: str
    amount: Money
    period_start: datetime
    period_end: datetime
    state: InvoiceState = InvoiceState.DRAFT
    attempts: int = 0
    pay_time: datetime | None = None
    failure: str = ""
    payment: str = ""


@dataclass(slots=True)
class PaymentRow:
    """Money that was collected, and what of it was given back and did not come back."""

    id: str
    amount: Money
    at: datetime
    customer: str
    invoice: str = ""
    session: str = ""
    refunds: list[str] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RefundRow:
    """Money on its way back. ``part_of`` finds it by the operation that made it; binds nothing."""

    id: str
    payment: str
    amount: Money
    made: datetime
    marker: Marker | None = None
    part_of: Marker | None = None
    state: RefundState = RefundState.SUCCEEDED


@dataclass(slots=True)
class DisputeRow:
    """A payer who asked the bank for the money."""

    id: str
    payment: str
    amount: Money
    made: datetime
    state: DisputeState = DisputeState.OPEN


@dataclass(slots=True)
class SubscriptionRow:
    """A subscription. ``lives`` are the times at which it began or ceased to be in force.

    ``over_at`` is when it ended for good, and ``ended_by`` the key of our call that ended it.
    ``cancels_unpaid`` says what becomes of it once no try to collect is left: it ends, or is left
    unpaid. ``billed`` is what it was for since when, ``paid_periods`` are the begins of those paid
    for. ``owed`` is the invoice that is being collected, ``waits`` what changes left to the next
    one, in minor units. ``awaits`` says that its first money is on its way through a bank; the
    provider calls it active meanwhile.
    """

    id: str
    customer: str
    marker: Marker | None
    items: list[ItemRow]
    made: datetime
    period_start: datetime
    period_end: datetime
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE
    trial_end: datetime | None = None
    cancel_at_period_end: bool = False
    cancel_time: datetime | None = None
    over_at: datetime | None = None
    paused: bool = False
    latest_invoice: str = ""
    session: str = ""
    coupon: Coupon | None = None
    owed: str = ""
    waits: int = 0
    awaits: bool = False
    ended_by: str = ""
    cancels_unpaid: bool = True
    lives: list[tuple[datetime, bool]] = field(default_factory=list)
    billed: list[tuple[datetime, tuple[tuple[str, int], ...]]] = field(default_factory=list)
    paid_periods: list[datetime] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether it is in force now, and collected for."""
        return self.status in LIVE and not self.paused and not self.awaits

    @property
    def over(self) -> bool:
        """Whether it has ended for good."""
        return self.status in OVER
