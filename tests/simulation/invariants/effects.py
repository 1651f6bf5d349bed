"""Each effect outside takes place once: customers, pages, refunds."""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from services.payments.commerce import PageState
from tests.simulation.invariants.invariant import AllTheTime, AtTheEnd
from tests.simulation.invariants.paying import by_account, rival
from tests.simulation.shop_rows import RefundState
from tests.simulation.shop_truth import Paid

if TYPE_CHECKING:
    from tests.simulation.world import World

_WAY = timedelta(days=1)
"""How long the news that something ended may be on its way."""


class OnePageToPay(AllTheTime):
    """An account has one page at most that can be paid."""

    name = "one page that can be paid"

    def check(self, world: "World") -> list[str]:
        """Count open pages of ours."""
        now = world.clock.now()
        opened = Counter(
            page.marker.account_id
            for page in world.shop.books.sessions.values()
            if page.marker is not None and page.state is PageState.OPEN and now < page.expires
        )
        return [
            f"{account} can pay {count} pages" for account, count in opened.items() if count > 1
        ]


class MadeOnce(AtTheEnd):
    """One customer for an account, one object for an operation."""

    name = "made once"

    def final(self, world: "World") -> list[str]:
        """Count what carries our markers."""
        books = world.shop.books
        customers = Counter(
            row.marker.account_id for row in books.customers.values() if row.marker is not None
        )
        pages = Counter(
            row.marker.operation_id for row in books.sessions.values() if row.marker is not None
        )
        return [
            *(f"{one} has {count} customers" for one, count in customers.items() if count > 1),
            *(f"{one} made {count} pages" for one, count in pages.items() if count > 1),
        ]


class RefundedOnceAndForCause(AtTheEnd):
    """No payment goes back twice, and none by us that had a place."""

    name = "refunded once and for cause"

    def final(self, world: "World") -> list[str]:
        """Look at every refund."""
        books = world.shop.books
        wrong = []
        for payment in books.payments.values():
            given = [books.refunds[name] for name in payment.refunds]
            counted = [one for one in given if one.state is not RefundState.FAILED]
            back = sum(one.amount.minor_units for one in counted)
            if back > payment.amount.minor_units:
                wrong.append(f"{payment.id} of {payment.amount} was given back {back}")
            if len([one for one in counted if one.marker is not None]) > 1:
                wrong.append(f"{payment.id} was given back by us more than once")
        for account, bought in by_account(world).items():
            wrong += [
                f"{paid.row.id} of {account} was given back without a cause"
                for paid in bought
                if paid.given_back is not None and not _had_a_rival(paid, bought)
            ]
        return wrong


def _had_a_rival(refused: Paid, bought: list[Paid]) -> bool:
    """Tell whether another stood between the payment and the refund; a paused one does, too.

    The provider tells times in whole seconds, and the news of an end may be late.
    """
    assert refused.given_back is not None
    until, since = refused.given_back.made, refused.paid_at - _WAY
    return any(
        other.paid_at <= until and (other.row.over_at is None or other.row.over_at >= since)
        for other in bought
        if other is not refused and rival(other, refused)
    )
