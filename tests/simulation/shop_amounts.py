"""What the simulated provider asks for: coupons, and the part of a period that a change is for."""

from collections.abc import Sequence
from datetime import datetime

from services.chassis.money import Money
from services.payments.views import SubscriptionStatus
from tests.simulation.shop_books import Books
from tests.simulation.shop_rows import Coupon, CustomerRow, ItemRow, SubscriptionRow

Bought = tuple[tuple[str, int], ...]
"""Prices and quantities."""


def bought(items: Sequence[ItemRow]) -> Bought:
    """Return what a subscription's items are."""
    return tuple((item.price_id, item.quantity) for item in items)


def after_coupon(amount: Money, coupon: Coupon | None) -> Money:
    """Return what a coupon leaves of an amount."""
    if coupon is None:
        return amount
    off = amount.minor_units * coupon.percent // 100
    return Money(amount.currency, amount.minor_units - off)


def period_cost(books: Books, sub: SubscriptionRow, items: Bought) -> Money:
    """Return what a whole period of these items costs."""
    return after_coupon(books.cost(items), sub.coupon)


def difference(books: Books, sub: SubscriptionRow, items: Bought, now: datetime) -> int:
    """Return what other items cost more for the rest of the period, below 0 for less, in minor
    units; nothing while nothing is billed.
    """
    if sub.status is not SubscriptionStatus.ACTIVE or sub.awaits:
        return 0
    more = period_cost(books, sub, items).minor_units
    more -= period_cost(books, sub, bought(sub.items)).minor_units
    return round(more * _left(sub, now))


def unused(books: Books, sub: SubscriptionRow, now: datetime) -> int:
    """Return what of the present period was paid for and not used, in minor units."""
    if sub.status is not SubscriptionStatus.ACTIVE or sub.awaits:
        return 0
    return round(period_cost(books, sub, bought(sub.items)).minor_units * _left(sub, now))


def due(total: int, customer: CustomerRow) -> int:
    """Return what is collected for an invoice of so much, in minor units.

    What a customer has in their favour is used up first; what is below nothing is added to it.
    """
    taken = min(max(total, 0), customer.balance)
    customer.balance += max(-total, 0) - taken
    return max(total, 0) - taken


def _left(sub: SubscriptionRow, now: datetime) -> float:
    return max((sub.period_end - now) / (sub.period_end - sub.period_start), 0.0)
