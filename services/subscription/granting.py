"""Which credits a payment grants, and what its reversal takes back. Pure.

A grant is of a subscription and a period: the first, or one that begins at a time. The newest
period counts; what an older one paid for grants nothing any more. The periods of what was given by
hand are the months since it was.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.chassis.ids import derived
from services.subscription.domain import Assignment, Purchase, PurchaseStatus, Subscription
from services.subscription.incoming import ReversalKind
from services.subscription.ledger import Grant, Pool

Period = tuple[datetime | None, datetime | None]
"""Begin, None for the first period, and end, None where it is not known."""
FIRST_REASON = "subscription_create"
RENEWAL_REASON = "subscription_cycle"


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """A paid invoice of a subscription: of which period, and whether money was paid for it."""

    invoice_id: str
    subscription: str
    billing_reason: str
    paid: int
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True, slots=True)
class DueGrant:
    """Credits that are due: for the first period (``start`` None), or for one that begins then."""

    subscription: str
    pool: Pool
    amount: int
    start: datetime | None
    end: datetime | None

    @property
    def name(self) -> str:
        """The grant's name: the same subscription and period always give the same."""
        return grant_name(self.subscription, self.start)


def grant_name(subscription: str, start: datetime | None) -> str:
    """Return the name of the grant of a period."""
    return derived("grt", subscription, start.isoformat() if start else "first")


def due_grant(
    subscription: Subscription,
    purchase: Purchase | None,
    invoices: Sequence[PaidInvoice],
    newest: Grant | None,
) -> DueGrant | None:
    """Return what is due to a subscription that is in force, None if nothing is.

    ``newest`` is the grant of its newest period so far. Invoices of nothing grant nothing, nor do
    those of a change in mid-period; the first invoice and the checkout are one period.
    """
    return _due(subscription, [*_first(purchase, invoices), *_renewals(invoices)], newest)


def due_by_month(
    subscription: Subscription, assignment: Assignment, newest: Grant | None, now: datetime
) -> DueGrant | None:
    """Return what is due to a subscription in force that was given by hand, None if nothing is."""
    return _due(subscription, [month_of(assignment, now)], newest)


def _due(
    subscription: Subscription, periods: Sequence[Period], newest: Grant | None
) -> DueGrant | None:
    amount = subscription.offer.terms.credits
    if amount == 0 or not periods:
        return None
    pool = Pool(subscription.account, subscription.offer.catalog)
    start, end = max(periods, key=_order)
    if newest is not None and _order((start, end)) <= _order((newest.period_start, None)):
        return None
    return DueGrant(subscription.name, pool, amount, start, end)


def _first(purchase: Purchase | None, invoices: Iterable[PaidInvoice]) -> Iterable[Period]:
    ends = [one.period_end for one in invoices if one.billing_reason == FIRST_REASON and one.paid]
    applied = purchase is not None and purchase.status is PurchaseStatus.APPLIED
    total = purchase.checkout.total if purchase else None
    bought = applied and total is not None and total.minor_units > 0
    if ends or bought:
        yield None, next((end for end in ends if end is not None), None)


def _renewals(invoices: Iterable[PaidInvoice]) -> Iterable[Period]:
    for one in invoices:
        if one.billing_reason == RENEWAL_REASON and one.paid and one.period_start is not None:
            yield one.period_start, one.period_end


def month_of(assignment: Assignment, now: datetime) -> tuple[datetime | None, datetime]:
    """Return the month of an assignment that ``now`` is in: its begin, None for the first, and end.

    Months begin at the time of day and on the day that the assignment did, or on the last day of a
    month that is too short for it.
    """
    begin = assignment.begin_time
    count = max(0, (now.year - begin.year) * 12 + now.month - begin.month)
    while count and _months_after(begin, count) > now:
        count -= 1
    return _months_after(begin, count) if count else None, _months_after(begin, count + 1)


def _months_after(begin: datetime, count: int) -> datetime:
    year, month = divmod(begin.year * 12 + begin.month - 1 + count, 12)
    day = min(begin.day, calendar.monthrange(year, month + 1)[1])
    return begin.replace(year=year, month=month + 1, day=day)


def _order(period: Period) -> tuple[bool, float]:
    start = period[0]
    return start is not None, start.timestamp() if start else 0.0


UNDOES = {
    ReversalKind.REFUND_FAILED: ReversalKind.REFUND,
    ReversalKind.DISPUTE_WON: ReversalKind.DISPUTE,
}
"""A movement that takes an earlier one of the same id back."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money that went back, or came back, in minor units; and what that did to credits.

    ``grant`` is empty until it is applied.
    """

    reversal_id: str
    kind: ReversalKind
    invoice_id: str
    checkout_id: str
    amount: int
    paid: int
    grant: str = ""
    taken: int = 0
    owed: int = 0

    @property
    def reference(self) -> str:
        """What entries say that they are about."""
        return f"{self.kind.lower()}:{self.reversal_id}"


def takes_back(grant: Grant, reversal: Reversal, owed_before: int) -> tuple[int, int]:
    """Return how many credits are taken of what is left of a grant, and how many are owed.

    In proportion to the money; what was spent is owed, what has expired is gone already, and what
    is held is left to its hold. ``owed_before`` is what earlier reversals of the grant owe.
    """
    due = grant.granted * min(reversal.amount, reversal.paid) // max(reversal.paid, 1)
    due = min(due, grant.granted - grant.reversed - owed_before)
    taken = min(due, grant.remaining)
    owed = min(due - taken, grant.spent - owed_before)
    return taken, max(owed, 0)
