"""Rule 5 of selling: no request is sent to the provider before its turn was taken."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from services.payments.ports import Commerce
from services.payments.providers.opening import open_commerce
from services.payments.providers.stripe.settings import StripeSettings
from services.payments.views import Marker

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MARKER = Marker("op_1", "tollgate", "acc_1")

Call = Callable[[Commerce], Awaitable[object]]


class NotYourTurnError(Exception):
    """Raised instead of waiting."""


@pytest.mark.parametrize(
    ("endpoint", "call"),
    [
        ("customer.create", lambda c: c.create_customer("k", {})),
        ("customer.list", lambda c: c.find_customer(MARKER, SINCE)),
        ("customer", lambda c: c.customer_exists("cus_1")),
        ("promotion_code.list", lambda c: c.promotion("HALF")),
        ("checkout.create", lambda c: c.create_checkout("k", {})),
        ("checkout.list", lambda c: c.find_checkout(MARKER, "cus_1", SINCE)),
        ("checkout", lambda c: c.fetch_checkout("cs_1")),
        ("checkout", lambda c: c.expire_checkout("cs_1")),
        ("portal.create", lambda c: c.portal("cus_1", "https://shop.example.com/")),
        ("subscription", lambda c: c.standing("sub_1")),
        ("subscription.update", lambda c: c.change_subscription("k", "sub_1", {})),
        ("subscription.cancel", lambda c: c.cancel_subscription("k", "sub_1")),
        ("checkout", lambda c: c.settlement("cs_1")),
        ("invoice.list", lambda c: c.collected("sub_1", SINCE)),
        ("refund.create", lambda c: c.refund("k", {})),
        ("refund.list", lambda c: c.find_refund("pi_1", MARKER)),
    ],
)
async def test_each_call_takes_a_turn_of_its_endpoint_first(endpoint: str, call: Call) -> None:
    asked: list[str] = []

    async def pace(name: str) -> None:
        asked.append(name)
        raise NotYourTurnError

    # Nothing listens there: a request that is sent all the same fails in another way.
    commerce = open_commerce(StripeSettings("sk_test_1", {}, "http://127.0.0.1:1"), pace)
    try:
        with pytest.raises(NotYourTurnError):
            await call(commerce)
    finally:
        await commerce.close()
    assert asked == [endpoint]
