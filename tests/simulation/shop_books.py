"""The simulated provider's books, and how their rows are found."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from services.chassis.money import Money
from services.payments.commerce import Charge
from services.payments.errors import ObjectOutOfReach
from services.payments.views import Marker
from tests.simulation.shop_prices import CODES, Price, Sold, read_catalogs
from tests.simulation.shop_rows import (
    Coupon,
    CustomerRow,
    DisputeRow,
    DisputeState,
    InvoiceRow,
    PaymentRow,
    RefundRow,
    RefundState,
    SessionRow,
    SubscriptionRow,
)

R = TypeVar("R")


class Books:
    """Rows by id, in the order in which they were made."""

    def __init__(self, sold: Mapping[str, Sold] | None = None) -> None:
        self.sold = dict(read_catalogs() if sold is None else sold)
        self.customers: dict[str, CustomerRow] = {}
        self.sessions: dict[str, SessionRow] = {}
        self.subscriptions: dict[str, SubscriptionRow] = {}
        self.invoices: dict[str, InvoiceRow] = {}
        self.payments: dict[str, PaymentRow] = {}
        self.refunds: dict[str, RefundRow] = {}
        self.disputes: dict[str, DisputeRow] = {}
        self.codes: dict[str, Coupon] = dict(CODES)
        self.by_customer: defaultdict[str, list[str]] = defaultdict(list)
        """Subscriptions of a customer."""
        self.marked: dict[tuple[str, Marker], str] = {}
        """What was made with a marker, by its kind."""
        self._made: Counter[str] = Counter()

    def name(self, prefix: str) -> str:
        """Return an id that nothing has had before."""
        self._made[prefix] += 1
        return f"{prefix}_{self._made[prefix]}"

    def price(self, price_id: str) -> Price:
        """Return a price."""
        return self.sold[price_id].price

    def cost(self, items: tuple[tuple[str, int], ...]) -> Money:
        """Return what these items cost."""
        costs = [self.price(price_id).amount * quantity for price_id, quantity in items]
        return sum(costs[1:], costs[0])

    def session(self, session_id: str) -> SessionRow:
        """Return a page. Raises ObjectOutOfReach."""
        return found(self.sessions, session_id)

    def subscription(self, subscription_id: str) -> SubscriptionRow:
        """Return a subscription. Raises ObjectOutOfReach."""
        return found(self.subscriptions, subscription_id)

    def charge(self, payment: PaymentRow) -> Charge:
        """Return a payment with what was given back of it, and what a bank holds or took."""
        given = [self.refunds[name] for name in payment.refunds]
        counted = [refund for refund in given if refund.state is not RefundState.FAILED]
        none = Money.zero(payment.amount.currency)
        refunded = sum((one.amount for one in counted), none)
        disputes = [self.disputes[name] for name in payment.disputes]
        taken = [one.amount for one in disputes if one.state is not DisputeState.WON]
        return Charge(
            payment.id,
            payment.amount,
            refunded,
            counted[0].id if counted else "",
            sum(taken, none) if taken else None,
        )

    def took(self, now: datetime, row: InvoiceRow | SessionRow, amount: Money) -> PaymentRow | None:
        """Collect money for an invoice or a page; None if there is nothing to collect."""
        if not amount.minor_units:
            return None
        payment = PaymentRow(self.name("pi"), amount, now, row.customer)
        self.payments[payment.id] = payment
        row.payment = payment.id
        if isinstance(row, InvoiceRow):
            payment.invoice = row.id
        else:
            payment.session = row.id
        return payment


def found(rows: Mapping[str, R], row_id: str) -> R:
    """Return a row. Raises ObjectOutOfReach."""
    row = rows.get(row_id)
    if row is None:
        raise ObjectOutOfReach(f"no {row_id}")
    return row
