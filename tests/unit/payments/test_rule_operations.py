"""Rules 1, 4, 16 and 22 of selling: what a page, a subscription and a key stand for."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.payments.commerce import EndMode, Page, PageState, Parameters
from services.payments.domain import AccountId
from services.payments.errors import ObjectOutOfReach, ProviderUnreachable, UnknownSubscription
from services.payments.operations import Asked
from services.payments.usecases import end_subscription
from tests.unit.payments.selling_world import SellingWorld

OTHER = AccountId("acc_2")


@pytest.fixture
async def world() -> AsyncIterator[SellingWorld]:
    world = SellingWorld()
    async with world.worker():
        yield world


async def test_what_we_wrote_into_a_subscription_decides_over_whose_its_customer_is(
    world: SellingWorld,
) -> None:
    page = (await world.buy()).page
    world.commerce.pay(page.id)
    name = world.commerce.sessions[page.id].page.subscription_id
    other = (await world.buy(account=OTHER)).page
    standing = world.commerce.subscriptions[name]
    payer = replace(standing.view.customer, id=other.customer_id)
    world.commerce.subscriptions[name] = replace(
        standing, view=replace(standing.view, customer=payer)
    )
    asked = Asked(OTHER, "svc", "EndSubscription", "e1")
    with pytest.raises(UnknownSubscription):
        await end_subscription(world.selling, asked, name, EndMode.NOW)
    assert "cancel_subscription" not in world.commerce.calls


async def test_another_ask_is_never_given_the_page_of_the_first(world: SellingWorld) -> None:
    first = await world.buy()
    other = await world.buy(world.wanted("price_2"))
    assert other.page.id != first.page.id
    assert world.commerce.sessions[first.page.id].page.state is PageState.EXPIRED
    assert other.page.subtotal == world.wanted("price_2").subtotal


async def test_a_page_out_of_reach_keeps_its_place_until_its_time_is_over(
    world: SellingWorld,
) -> None:
    first = await world.buy()
    session = world.commerce.sessions.pop(first.page.id)
    with pytest.raises(ObjectOutOfReach):
        await world.buy()
    assert world.places() == ["OPEN"]
    world.commerce.sessions[first.page.id] = session
    assert (await world.buy()).page.id == first.page.id


async def test_a_page_out_of_reach_is_given_up_when_nobody_can_pay_it_any_more(
    world: SellingWorld,
) -> None:
    first = await world.buy()
    del world.commerce.sessions[first.page.id]
    world.clock.ahead = timedelta(hours=2)
    assert (await world.buy()).page.id != first.page.id


async def test_a_key_is_never_sent_with_other_parameters_than_the_first_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = SellingWorld()
    sent: list[tuple[str, Parameters]] = []
    make = world.commerce.create_checkout

    async def away(key: str, parameters: Parameters) -> Page:
        sent.append((key, parameters))
        raise ProviderUnreachable("the answer was lost")

    async def back(key: str, parameters: Parameters) -> Page:
        sent.append((key, parameters))
        return await make(key, parameters)

    wanted = world.wanted()
    monkeypatch.setattr(world.commerce, "create_checkout", away)
    async with world.worker():
        with pytest.raises(ProviderUnreachable):
            await world.buy(wanted, "r1")
    # An upgraded replica would say the same in another way.
    monkeypatch.setattr(world.commerce, "checkout_parameters", lambda *_: {"other": True})
    monkeypatch.setattr(world.commerce, "create_checkout", back)
    async with world.worker():
        assert (await world.buy(wanted, "r1")).page.url
    assert len(sent) >= 2
    assert all(one == sent[0] for one in sent)
