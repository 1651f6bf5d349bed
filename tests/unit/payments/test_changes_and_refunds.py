"""Changing, ending and paying back: whose it is, what was sent before, what is left to do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from services.chassis.deadline import within
from services.chassis.money import Money
from services.payments.commerce import AccountPage, BilledItem, EndMode, PageState
from services.payments.domain import AccountId
from services.payments.errors import (
    InProgress,
    NothingToRefund,
    PaymentDeclined,
    ProviderFailed,
    ProviderUnreachable,
    SubscriptionChanged,
    SubscriptionOver,
    UnknownCheckout,
    UnknownSubscription,
)
from services.payments.facts import CheckoutPaid, Payer, SubscriptionState
from services.payments.operations import Asked, work_on
from services.payments.usecases import change_subscription, end_subscription, refund_checkout
from services.payments.views import SubscriptionStatus
from services.payments.worker import HANDLERS
from tests.unit.payments.selling_world import ACCOUNT, SellingWorld
from tests.unit.payments.world import NOON

LARGE = (BilledItem("price_2", 2),)


@pytest.fixture
async def world() -> AsyncIterator[SellingWorld]:
    world = SellingWorld()
    async with world.worker():
        yield world


async def bought(world: SellingWorld) -> AccountPage:
    found = await world.buy()
    world.commerce.pay(found.page.id)
    return replace(found, page=world.commerce.sessions[found.page.id].page)


async def change(
    world: SellingWorld,
    name: str,
    request_id: str = "",
    account: str = ACCOUNT,
    *,
    items: Sequence[BilledItem] = LARGE,
    held: Sequence[BilledItem] = (),
) -> SubscriptionState:
    asked = Asked(AccountId(account), "svc", "ChangeSubscription", request_id)
    return await change_subscription(world.selling, asked, name, items, held)


async def end(
    world: SellingWorld, name: str, mode: EndMode, account: str = ACCOUNT
) -> SubscriptionState:
    asked = Asked(AccountId(account), "svc", "EndSubscription")
    return await end_subscription(world.selling, asked, name, mode)


def fails_once(world: SellingWorld, call: str) -> None:
    """The provider does it, and says that it failed."""
    failed: list[str] = []

    async def fail(called: str) -> None:
        if called == call and not failed:
            failed.append(called)
            raise ProviderFailed("500", replayed=True)

    world.commerce.after = fail


async def test_a_change_is_sent_once_for_its_key(world: SellingWorld) -> None:
    name = (await bought(world)).page.subscription_id
    for _ in range(2):
        state = await change(world, name, "c1")
        assert [(item.price_id, item.quantity) for item in state.view.items] == [("price_2", 2)]
        assert state.payer.account_id == ACCOUNT
    assert world.commerce.calls.count("change_subscription") == 1


async def test_what_is_billed_so_already_is_not_sent(world: SellingWorld) -> None:
    name = (await bought(world)).page.subscription_id
    await change(world, name)
    await change(world, name)
    assert world.commerce.calls.count("change_subscription") == 1


async def test_a_change_that_failed_after_it_was_made_is_seen_in_what_is_billed(
    world: SellingWorld,
) -> None:
    name = (await bought(world)).page.subscription_id
    fails_once(world, "change_subscription")
    state = await change(world, name)
    assert [item.price_id for item in state.view.items] == ["price_2"]
    assert world.commerce.calls.count("change_subscription") == 1


async def test_of_two_changes_worked_out_from_the_same_the_second_is_refused_for_good(
    world: SellingWorld,
) -> None:
    name = (await bought(world)).page.subscription_id
    held, more, other = (
        [BilledItem("price_1", quantity)] if quantity else LARGE for quantity in (1, 2, 0)
    )
    answers = await asyncio.gather(
        change(world, name, "c1", items=more, held=held),
        change(world, name, "c2", items=other, held=held),
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, SubscriptionChanged)]
    assert len(refused) == 1
    assert world.commerce.calls.count("change_subscription") == 1
    late = "c1" if answers[0] is refused[0] else "c2"
    wanted = more if late == "c1" else other
    with pytest.raises(SubscriptionChanged):
        await change(world, name, late, items=wanted, held=held)
    billed = world.commerce.subscriptions[name].billed
    await change(world, name, "c3", items=wanted, held=billed)
    assert world.commerce.subscriptions[name].billed == tuple(wanted)


async def test_a_change_comes_after_those_that_were_under_way_when_it_was_asked_for() -> None:
    world = SellingWorld()
    async with world.worker():
        name = (await bought(world)).page.subscription_id
    held = world.commerce.subscriptions[name].billed
    for request_id, quantity in (("c1", 2), ("c2", 5)):
        items = [BilledItem("price_1", quantity)]
        with within(0.6), pytest.raises(InProgress):
            await change(world, name, request_id, items=items, held=held)
    first, second = world.operations()[-2:]
    before = len(world.commerce.calls)
    assert await work_on(world.selling, second.id, HANDLERS) is not None
    assert len(world.commerce.calls) == before
    assert await work_on(world.selling, first.id, HANDLERS) is None
    assert await work_on(world.selling, second.id, HANDLERS) is None
    assert world.commerce.subscriptions[name].billed == (BilledItem("price_1", 2),)
    with pytest.raises(SubscriptionChanged):
        await change(world, name, "c2", items=[BilledItem("price_1", 5)], held=held)


async def test_a_declined_change_is_refused_the_same_way_again(world: SellingWorld) -> None:
    name = (await bought(world)).page.subscription_id

    async def decline(call: str) -> None:
        if call == "change_subscription":
            raise PaymentDeclined("declined", metadata={"code": "insufficient_funds"})

    world.commerce.at = decline
    for _ in range(2):
        with pytest.raises(PaymentDeclined) as refused:
            await change(world, name, "c1")
        assert refused.value.metadata == {"code": "insufficient_funds"}
    assert world.commerce.calls.count("change_subscription") == 1


async def test_a_subscription_is_its_own_accounts_and_one_of_nobody_the_askers(
    world: SellingWorld,
) -> None:
    name = (await bought(world)).page.subscription_id
    with pytest.raises(UnknownSubscription):
        await change(world, name, account="acc_2")
    with pytest.raises(UnknownSubscription):
        await end(world, "sub_unknown", EndMode.NOW)
    standing = world.commerce.subscriptions[name]
    world.commerce.subscriptions[name] = replace(standing, view=replace(standing.view, marker=None))
    with pytest.raises(UnknownSubscription):
        await end(world, name, EndMode.AT_PERIOD_END, "acc_2")
    assert (await end(world, name, EndMode.AT_PERIOD_END)).view.cancel_at_period_end


async def test_an_end_comes_later_is_taken_back_and_comes_at_once(world: SellingWorld) -> None:
    name = (await bought(world)).page.subscription_id
    assert (await end(world, name, EndMode.AT_PERIOD_END)).view.cancel_at_period_end
    assert not (await end(world, name, EndMode.RESUME)).view.cancel_at_period_end
    for _ in range(2):
        over = await end(world, name, EndMode.NOW)
        assert over.view.status is SubscriptionStatus.CANCELED
    assert world.commerce.calls.count("cancel_subscription") == 1
    for mode in (EndMode.AT_PERIOD_END, EndMode.RESUME):
        with pytest.raises(SubscriptionOver):
            await end(world, name, mode)
    with pytest.raises(SubscriptionOver):
        await change(world, name)


def asked_back(request_id: str = "f1") -> Asked:
    return Asked(AccountId(""), "svc", "RefundCheckout", request_id)


async def test_a_refund_ends_what_the_checkout_began_and_then_gives_the_money_back(
    world: SellingWorld,
) -> None:
    page = (await bought(world)).page
    first = await refund_checkout(world.selling, asked_back(), page.id, "QUOTE_MISMATCH")
    assert first.amount == Money("eur", 4900)
    order = [call for call in world.commerce.calls if call in ("cancel_subscription", "refund")]
    assert order == ["cancel_subscription", "refund"]
    again = await refund_checkout(world.selling, asked_back(), page.id, "OTHER_WORDS")
    other = await refund_checkout(world.selling, asked_back("f2"), page.id, "QUOTE_MISMATCH")
    assert (first.id, first.amount) == (again.id, again.amount) == (other.id, other.amount)
    assert list(world.commerce.refunds) == [first.id]
    assert world.places() == ["COMPLETE"]


@pytest.mark.parametrize("call", ["cancel_subscription", "refund"])
async def test_a_refund_that_failed_half_way_is_finished_and_not_made_twice(
    world: SellingWorld, call: str
) -> None:
    page = (await bought(world)).page
    fails_once(world, call)
    refund = await refund_checkout(world.selling, asked_back(), page.id, "QUOTE_MISMATCH")
    assert list(world.commerce.refunds) == [refund.id]
    standing = world.commerce.subscriptions[page.subscription_id]
    assert standing.view.status is SubscriptionStatus.CANCELED


async def test_a_trial_that_is_given_back_is_ended_and_refunds_nothing(
    world: SellingWorld,
) -> None:
    page = (await bought(world)).page
    world.commerce.charges.clear()
    for _ in range(2):
        refund = await refund_checkout(world.selling, asked_back(), page.id, "QUOTE_MISMATCH")
        assert refund.id == ""
    with pytest.raises(NothingToRefund):
        await refund_checkout(world.selling, asked_back("f2"), page.id, "QUOTE_MISMATCH")


async def test_what_is_left_to_give_back_is_decided_once_also_for_a_second_try(
    world: SellingWorld,
) -> None:
    page = (await bought(world)).page
    world.commerce.charges.clear()
    tries: list[str] = []

    async def lose_the_answer(call: str) -> None:
        if call == "cancel_subscription" and not tries:
            tries.append(call)
            raise ProviderUnreachable("the answer was lost")

    world.commerce.after = lose_the_answer
    with pytest.raises(ProviderUnreachable):
        await refund_checkout(world.selling, asked_back(), page.id, "QUOTE_MISMATCH")
    # The subscription is ended by now: looked at anew, there would be nothing to do.
    assert (await refund_checkout(world.selling, asked_back(), page.id, "QUOTE_MISMATCH")).id == ""


async def test_a_page_that_nobody_paid_is_left_as_it_is(world: SellingWorld) -> None:
    page = (await world.buy()).page
    with pytest.raises(NothingToRefund):
        await refund_checkout(world.selling, asked_back(), page.id, "QUOTE_MISMATCH")
    assert world.commerce.sessions[page.id].page.state is PageState.OPEN


async def test_a_shops_own_page_is_known_once_its_payment_was_seen(world: SellingWorld) -> None:
    page = (await bought(world)).page
    session = world.commerce.sessions[page.id]
    world.commerce.sessions["cs_shop"] = session
    world.commerce.charges["cs_shop"] = world.commerce.charges.pop(page.id)
    with pytest.raises(UnknownCheckout):
        await refund_checkout(world.selling, asked_back(), "cs_shop", "QUOTE_MISMATCH")
    payer = Payer("memory", "acct_memory", "cus_1")
    amount = Money("eur", 4900)
    paid = CheckoutPaid("cs_shop", payer, (), amount, amount, NOON, NOON)
    await world.tx.run(lambda store: store.record_facts([paid]))
    assert (await refund_checkout(world.selling, asked_back("f2"), "cs_shop", "WHY")).id
