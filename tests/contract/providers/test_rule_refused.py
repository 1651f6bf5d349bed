"""A refused purchase at every provider: ended, and all that it collected is given back, once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.money import Money
from services.payments.commerce import BilledItem, NewCheckout, NewCustomer, Page, Refund
from services.payments.domain import AccountId
from services.payments.operations import Asked
from services.payments.usecases import refund_checkout
from services.payments.views import SubscriptionStatus
from tests.contract.providers.sellers import Seller, memory_seller, stripe_seller
from tests.unit.payments.selling_world import SellingWorld

SELLERS = {"memory": memory_seller, "stripe": stripe_seller}
PRICE = Money("eur", 4900)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Shop:
    """Payments in memory, selling through a provider."""

    world: SellingWorld
    seller: Seller

    async def page(self) -> Page:
        wanted = NewCheckout(
            items=(BilledItem(self.seller.small, 1),),
            recurring=True,
            quote="quo_1",
            subtotal=PRICE,
            expire_time=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1),
            success_url="https://shop.example.com/done",
            cancel_url="https://shop.example.com/",
            customer=NewCustomer("ada@example.com", {"organization": "acme"}),
        )
        return (await self.world.buy(wanted)).page

    async def give_back(self, page: Page, request_id: str = "f1") -> Refund:
        asked = Asked(AccountId(""), "svc", "RefundCheckout", request_id)
        return await refund_checkout(self.world.selling, asked, page.id, "REFUSED")

    async def subscription(self, page: Page) -> str:
        return (await self.seller.commerce.fetch_checkout(page.id)).subscription_id

    async def is_over(self, name: str) -> bool:
        standing = await self.seller.commerce.standing(name)
        return standing.view.status is SubscriptionStatus.CANCELED


@pytest.fixture(params=SELLERS)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with SELLERS[request.param]() as seller:
        world = SellingWorld()
        world.selling = replace(world.selling, commerce=seller.commerce)
        async with world.worker():
            yield Shop(world, seller)


async def test_a_refused_purchase_gives_back_what_it_collected_after_it_as_well(
    shop: Shop,
) -> None:
    page = await shop.page()
    await shop.seller.pay(page)
    await shop.seller.pass_month()
    first = await shop.give_back(page)
    assert first.amount == PRICE * 2
    name = await shop.subscription(page)
    assert await shop.is_over(name)
    charges = await shop.seller.commerce.collected(name, LONG_AGO)
    assert [charge.refunded for charge in charges] == [PRICE, PRICE]
    assert [charge.left.minor_units for charge in charges] == [0, 0]
    again = await shop.give_back(page)
    assert (again.id, again.amount) == (first.id, first.amount)
    assert (await shop.give_back(page, "f2")).amount == PRICE * 2


async def test_what_a_bank_took_is_not_given_back_a_second_time(shop: Shop) -> None:
    page = await shop.page()
    await shop.seller.pay_and_dispute(page)
    assert (await shop.give_back(page)).id == ""
    assert await shop.is_over(await shop.subscription(page))
