"""What every provider that sells does. A further one is added to ``SELLERS`` and has to pass."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.money import Money
from services.payments.commerce import (
    BilledItem,
    Charge,
    EndMode,
    NewCheckout,
    NewCustomer,
    PageState,
)
from services.payments.errors import (
    ObjectOutOfReach,
    PromotionCodeInvalid,
    ProviderFailed,
    ProviderOff,
)
from services.payments.providers.none.commerce import NoCommerce
from services.payments.views import Marker, SubscriptionStatus
from tests.contract.providers.sellers import Seller, memory_seller, stripe_seller

SELLERS = {"memory": memory_seller, "stripe": stripe_seller}
MARKER = Marker("op_1", "tollgate", "acc_1")
OTHER = Marker("op_2", "tollgate", "acc_1")
LONG_AGO = datetime.now(UTC) - timedelta(minutes=5)


@pytest.fixture(params=SELLERS)
async def seller(request: pytest.FixtureRequest) -> AsyncIterator[Seller]:
    async with SELLERS[request.param]() as made:
        yield made


async def customer(seller: Seller, marker: Marker = MARKER, key: str = "k1") -> str:
    wanted = NewCustomer("ada@example.com", {"organization": "acme"})
    parameters = seller.commerce.customer_parameters(wanted, marker)
    return await seller.commerce.create_customer(key, parameters)


def wanted(seller: Seller, **changes: object) -> NewCheckout:
    page = NewCheckout(
        items=(BilledItem(seller.small, 1),),
        recurring=True,
        quote="quo_1",
        subtotal=Money("eur", 4900),
        expire_time=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1),
        success_url="https://shop.example.com/done",
        cancel_url="https://shop.example.com/",
    )
    return replace(page, **changes)  # type: ignore[arg-type]  # named by the test


async def bought(seller: Seller) -> str:
    """Buy; returns the page's id."""
    customer_id = await customer(seller)
    parameters = seller.commerce.checkout_parameters(wanted(seller), customer_id, "", MARKER)
    page = await seller.commerce.create_checkout("k2", parameters)
    await seller.pay(page)
    return page.id


async def test_a_customer_is_made_once_for_a_key_and_found_by_its_marker(seller: Seller) -> None:
    made = await customer(seller)
    assert await customer(seller) == made
    assert await customer(seller, OTHER, "k2") != made
    assert await seller.commerce.find_customer(MARKER, LONG_AGO) == made
    assert await seller.commerce.find_customer(replace(MARKER, operation_id="x"), LONG_AGO) is None
    assert await seller.commerce.customer_exists(made)
    assert not await seller.commerce.customer_exists("cus_nobody")


async def test_a_key_that_was_used_for_something_else_is_never_answered(seller: Seller) -> None:
    await customer(seller)
    with pytest.raises(ProviderFailed) as failed:
        await customer(seller, OTHER, "k1")
    assert failed.value.replayed


async def test_a_page_is_made_once_shown_found_and_shut(seller: Seller) -> None:
    customer_id = await customer(seller)
    page_wanted = wanted(seller)
    parameters = seller.commerce.checkout_parameters(page_wanted, customer_id, "", MARKER)
    page = await seller.commerce.create_checkout("k2", parameters)
    assert (page.state, page.paid, page.subscription_id) == (PageState.OPEN, False, "")
    assert (page.customer_id, page.subtotal) == (customer_id, Money("eur", 4900))
    assert page.expire_time == page_wanted.expire_time
    assert page.url
    assert await seller.commerce.create_checkout("k2", parameters) == page
    assert await seller.commerce.fetch_checkout(page.id) == page
    assert await seller.commerce.find_checkout(MARKER, customer_id, LONG_AGO) == page
    assert await seller.commerce.find_checkout(OTHER, customer_id, LONG_AGO) is None
    for _ in range(2):
        shut = await seller.commerce.expire_checkout(page.id)
        assert (shut.state, shut.url, shut.paid) == (PageState.EXPIRED, "", False)


async def test_a_page_that_was_completed_is_not_shut(seller: Seller) -> None:
    page_id = await bought(seller)
    page = await seller.commerce.expire_checkout(page_id)
    assert (page.state, page.paid, page.url) == (PageState.COMPLETE, True, "")
    assert page.subscription_id


async def test_a_page_that_is_not_there_is_out_of_reach(seller: Seller) -> None:
    for call in (
        seller.commerce.fetch_checkout,
        seller.commerce.expire_checkout,
        seller.commerce.settlement,
        seller.commerce.standing,
    ):
        with pytest.raises(ObjectOutOfReach):
            await call("cs_nobody")


async def test_a_promotion_code_that_nobody_knows_is_invalid(seller: Seller) -> None:
    with pytest.raises(PromotionCodeInvalid):
        await seller.commerce.promotion("NONE")


async def test_a_subscription_carries_our_marker_and_is_changed_in_place(seller: Seller) -> None:
    page = await seller.commerce.fetch_checkout(await bought(seller))
    standing = await seller.commerce.standing(page.subscription_id)
    assert standing.view.marker == MARKER
    assert [(item.price_id, item.quantity) for item in standing.items] == [(seller.small, 1)]
    items = (BilledItem(seller.large, 2),)
    parameters = seller.commerce.change_parameters(standing, items)
    assert parameters is not None
    for _ in range(2):
        await seller.commerce.change_subscription("k3", page.subscription_id, parameters)
    changed = await seller.commerce.standing(page.subscription_id)
    assert [(item.price_id, item.quantity) for item in changed.items] == [(seller.large, 2)]
    assert seller.commerce.change_parameters(changed, items) is None


async def test_a_subscription_ends_later_goes_on_and_ends_now(seller: Seller) -> None:
    page = await seller.commerce.fetch_checkout(await bought(seller))
    name = page.subscription_id
    for number, mode in enumerate((EndMode.AT_PERIOD_END, EndMode.RESUME)):
        parameters = seller.commerce.end_parameters(mode)
        await seller.commerce.change_subscription(f"k3.{number}", name, parameters)
        ends = (await seller.commerce.standing(name)).view.cancel_at_period_end
        assert ends == (mode is EndMode.AT_PERIOD_END)
    for key in ("k4", "k4", "k5"):
        await seller.commerce.cancel_subscription(key, name)
    over = await seller.commerce.standing(name)
    assert over.view.status is SubscriptionStatus.CANCELED


async def test_a_payment_is_given_back_once_and_found_by_its_marker(seller: Seller) -> None:
    page_id = await bought(seller)
    before = await seller.commerce.settlement(page_id)
    (charge,) = before.charges
    assert (charge.paid, charge.refunded) == (Money("eur", 4900), Money("eur", 0))
    assert before.subscription_stands
    parameters = seller.commerce.refund_parameters(charge, MARKER, "QUOTE_MISMATCH")
    refund = await seller.commerce.refund("k3", parameters)
    assert await seller.commerce.refund("k3", parameters) == refund
    assert (refund.amount, refund.failed) == (Money("eur", 4900), False)
    assert await seller.commerce.find_refund(charge.payment_id, MARKER) == refund
    assert await seller.commerce.find_refund(charge.payment_id, OTHER) is None
    (after,) = (await seller.commerce.settlement(page_id)).charges
    assert after == Charge(charge.payment_id, charge.paid, Money("eur", 4900), refund.id)


async def test_what_was_collected_for_a_subscription_is_shown_since_a_time(
    seller: Seller,
) -> None:
    page = await seller.commerce.fetch_checkout(await bought(seller))
    name = page.subscription_id
    (first,) = await seller.commerce.collected(name, LONG_AGO)
    assert (first,) == tuple((await seller.commerce.settlement(page.id)).charges)
    await seller.pass_month()
    month = timedelta(days=20)
    both = await seller.commerce.collected(name, LONG_AGO)
    assert {charge.paid for charge in both} == {Money("eur", 4900)}
    assert len({charge.payment_id for charge in both}) == 2
    (renewal,) = await seller.commerce.collected(name, datetime.now(UTC) + month)
    assert renewal in both
    assert renewal.payment_id != first.payment_id
    assert list(await seller.commerce.collected(name, datetime.now(UTC) + month * 2)) == []
    parameters = seller.commerce.refund_parameters(renewal, MARKER, "RIVAL")
    refund = await seller.commerce.refund("k3", parameters)
    (given,) = await seller.commerce.collected(name, datetime.now(UTC) + month)
    assert given == replace(renewal, refunded=renewal.paid, refund_id=refund.id)


async def test_what_a_bank_took_back_is_said_of_the_payment_and_left_to_nobody(
    seller: Seller,
) -> None:
    parameters = seller.commerce.checkout_parameters(
        wanted(seller), await customer(seller), "", MARKER
    )
    page = await seller.commerce.create_checkout("k2", parameters)
    await seller.pay_and_dispute(page)
    (charge,) = (await seller.commerce.settlement(page.id)).charges
    assert (charge.paid, charge.disputed) == (Money("eur", 4900), Money("eur", 4900))
    assert charge.left == Money("eur", 0)


async def test_a_further_refund_of_an_operation_is_found_by_its_marker_too(
    seller: Seller,
) -> None:
    (charge,) = (await seller.commerce.settlement(await bought(seller))).charges
    parameters = seller.commerce.refund_parameters(charge, MARKER, "RIVAL", further=True)
    refund = await seller.commerce.refund("k3", parameters)
    assert await seller.commerce.find_refund(charge.payment_id, MARKER) == refund
    assert await seller.commerce.find_refund(charge.payment_id, OTHER) is None


async def test_a_page_that_nobody_paid_was_settled_by_nothing(seller: Seller) -> None:
    customer_id = await customer(seller)
    parameters = seller.commerce.checkout_parameters(wanted(seller), customer_id, "", MARKER)
    page = await seller.commerce.create_checkout("k2", parameters)
    settlement = await seller.commerce.settlement(page.id)
    assert settlement.charges == ()
    assert not settlement.subscription_stands


async def test_the_portal_leads_somewhere(seller: Seller) -> None:
    url = await seller.commerce.portal(await customer(seller), "https://shop.example.com/")
    assert url.startswith("http")


async def test_a_provider_that_is_off_sells_nothing() -> None:
    off = NoCommerce()
    with pytest.raises(ProviderOff):
        off.customer_parameters(NewCustomer("", {}), MARKER)
    with pytest.raises(ProviderOff):
        off.end_parameters(EndMode.NOW)
    for call in (
        off.fetch_checkout("cs_1"),
        off.expire_checkout("cs_1"),
        off.standing("sub_1"),
        off.settlement("cs_1"),
        off.collected("sub_1", LONG_AGO),
        off.promotion("HALF"),
        off.customer_exists("cus_1"),
        off.portal("cus_1", "https://shop.example.com/"),
        off.create_customer("k", {}),
        off.create_checkout("k", {}),
        off.refund("k", {}),
        off.change_subscription("k", "sub_1", {}),
        off.cancel_subscription("k", "sub_1"),
        off.find_customer(MARKER, LONG_AGO),
        off.find_checkout(MARKER, "cus_1", LONG_AGO),
        off.find_refund("pi_1", MARKER),
    ):
        with pytest.raises(ProviderOff):
            await call
    await off.close()
