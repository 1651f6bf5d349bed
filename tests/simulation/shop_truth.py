"""What was bought at the simulated provider, and what is paid of it now: what invariants go by.

Derived from the provider's books and the catalogs alone; no code of the services is asked.
"""

from dataclasses import dataclass
from datetime import datetime

from tests.simulation.shop_books import Books
from tests.simulation.shop_prices import Sold
from tests.simulation.shop_rows import RefundRow, RefundState, SubscriptionRow


@dataclass(frozen=True, slots=True)
class Paid:
    """One subscription at the provider: whose it is, for what, and when it was in force.

    ``owner`` is the account that our own marker names, empty for a shop's own page. ``plan`` is
    what the items stand for now. ``lives`` are the changes of being in force, the oldest first.
    ``given_back`` is the refund that we made of its first payment, if we did.
    """

    row: SubscriptionRow
    plan: Sold
    owner: str
    paid_at: datetime
    given_back: RefundRow | None

    @property
    def live(self) -> bool:
        """Whether it is in force now."""
        return self.row.live

    def live_at(self, moment: datetime) -> bool:
        """Tell whether it was in force at a moment."""
        was = False
        for at, live in self.row.lives:
            if at > moment:
                break
            was = live
        return was


def truth(books: Books) -> list[Paid]:
    """Return everything that was ever paid, or begun with a trial, in the order of the pages."""
    found: list[Paid] = []
    for row in books.subscriptions.values():
        session = books.sessions[row.session]
        plans = [books.sold[item.price_id] for item in row.items]
        plan = next((sold for sold in plans if sold.kind), plans[0])
        owner = "" if row.marker is None else row.marker.account_id
        paid_at = session.paid_at
        if paid_at is None:
            # A bank was asked for it, and has not answered, or not given it.
            continue
        found.append(Paid(row, plan, owner, paid_at, _given_back(books, session.payment)))
    return found


def _given_back(books: Books, payment_id: str) -> RefundRow | None:
    payment = books.payments.get(payment_id)
    given = [] if payment is None else [books.refunds[name] for name in payment.refunds]
    ours = [one for one in given if one.marker is not None and one.state is RefundState.SUCCEEDED]
    return ours[0] if ours else None
