"""A purchase that is refused: its subscription is ended, then all it ever collected given back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.deadline import within
from services.chassis.money import Money
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import Page, Refund, digest, encode
from services.payments.domain import AccountId
from services.payments.errors import (
    InProgress,
    NothingToRefund,
    ProviderFailed,
    ProviderUnreachable,
)
from services.payments.operations import Asked
from services.payments.usecases import refund_checkout
from services.payments.views import SubscriptionStatus
from tests.fakes.payments import AUDIT
from tests.unit.payments.selling_world import SellingWorld

PRICE = Money("eur", 4900)
CHANGE = Money("eur", 44100)
Hook = Callable[[str], Awaitable[None]]


@pytest.fixture
async def world() -> AsyncIterator[SellingWorld]:
    world = SellingWorld()
    async with world.worker():
        yield world


async def bought(world: SellingWorld, *, recurring: bool = True) -> Page:
    page = (await world.buy(world.wanted(recurring=recurring))).page
    world.commerce.pay(page.id)
    return world.commerce.sessions[page.id].page


async def give_back(world: SellingWorld, page: Page, request_id: str = "f1") -> Refund:
    asked = Asked(AccountId(""), "svc", "RefundCheckout", request_id)
    return await refund_checkout(world.selling, asked, page.id, "ACCOUNT_HAS_SUBSCRIPTION")


def over(world: SellingWorld, page: Page) -> bool:
    standing = world.commerce.subscriptions[page.subscription_id]
    return standing.view.status is SubscriptionStatus.CANCELED


def given(world: SellingWorld) -> list[Money]:
    return [refund.amount for refund, *_ in world.commerce.refunds.values()]


def at_the_call(call: str, number: int, failure: Exception) -> Hook:
    """Raise at the n-th call of this name, and at no other."""
    left = [number]

    async def hook(called: str) -> None:
        if called == call:
            left[0] -= 1
            if left[0] == 0:
                raise failure

    return hook


async def test_what_was_collected_after_the_purchase_is_given_back_with_it(
    world: SellingWorld,
) -> None:
    page = await bought(world)
    world.commerce.charge(page.subscription_id, CHANGE)
    world.commerce.renew(page.subscription_id)
    total = await give_back(world, page)
    assert total.amount == PRICE + CHANGE + PRICE
    assert given(world) == [PRICE, CHANGE, PRICE]
    order = ("cancel_subscription", "collected", "refund")
    calls = [call for call in world.commerce.calls if call in order]
    assert calls == ["cancel_subscription", "collected", "refund", "refund", "refund"]
    assert over(world, page)
    (first, *others) = world.commerce.refunds
    assert (first, set(others)) == (total.id, world.commerce.further)
    operation = world.operations()[-1]
    assert (operation.state, operation.object_id) == (OperationState.MADE, total.id)
    assert operation.result["amount"] == str(total.amount.minor_units)
    entries = world.db.committed(AUDIT).values()
    (told,) = [one.details for one in entries if one.action == "payments.refunds.made"]
    assert told["refunds"].split() == [first, *others]
    assert told["operation"] == operation.id


async def test_what_is_collected_while_it_is_ended_is_given_back_too(world: SellingWorld) -> None:
    page = await bought(world)

    async def renew(call: str) -> None:
        if call == "cancel_subscription":
            world.commerce.renew(page.subscription_id)

    world.commerce.at = renew
    assert (await give_back(world, page)).amount == PRICE * 2


async def test_what_arrives_after_it_was_given_back_goes_back_by_another_request_and_alone(
    world: SellingWorld,
) -> None:
    page = await bought(world)
    first = await give_back(world, page)
    nothing_new = await give_back(world, page, "f2")
    assert (nothing_new.id, given(world)) == (first.id, [PRICE])
    late = world.commerce.renew(page.subscription_id)
    assert (await give_back(world, page)).id == first.id
    assert (await give_back(world, page, "f3")).amount == PRICE
    assert [payment for _, payment, _ in world.commerce.refunds.values()][1:] == [late.payment_id]
    assert world.commerce.calls.count("cancel_subscription") == 1


async def test_a_trial_that_turned_paid_meanwhile_gives_its_money_back(
    world: SellingWorld,
) -> None:
    page = await bought(world)
    world.commerce.charges.clear()
    world.commerce.renew(page.subscription_id)
    total = await give_back(world, page)
    assert (total.amount, list(world.commerce.refunds)) == (PRICE, [total.id])
    assert world.commerce.further == set()


async def test_one_that_ended_by_itself_gives_back_what_it_had_collected(
    world: SellingWorld,
) -> None:
    page = await bought(world)
    world.commerce.renew(page.subscription_id)
    await world.commerce.cancel_subscription("by_a_person", page.subscription_id)
    world.commerce.calls.clear()
    assert (await give_back(world, page)).amount == PRICE * 2
    assert "cancel_subscription" not in world.commerce.calls
    again = await give_back(world, page, "f2")
    assert (again.amount, len(world.commerce.refunds)) == (PRICE * 2, 2)


async def test_what_a_person_gave_back_or_a_bank_took_counts_as_given_back(
    world: SellingWorld,
) -> None:
    page = await bought(world)
    part = world.commerce.renew(page.subscription_id)
    name = next(name for name, one in world.commerce.charges.items() if one is part)
    world.commerce.charges[name] = replace(part, refunded=Money("eur", 900), refund_id="re_person")
    world.commerce.dispute(page.id)
    assert (await give_back(world, page)).amount == Money("eur", 4000)
    assert given(world) == [Money("eur", 4000)]


async def test_a_disputed_purchase_is_ended_and_gives_nothing_back(world: SellingWorld) -> None:
    page = await bought(world)
    world.commerce.dispute(page.id)
    assert (await give_back(world, page)).id == ""
    assert over(world, page)
    with pytest.raises(NothingToRefund):
        await give_back(world, page, "f2")
    assert world.commerce.refunds == {}


async def test_a_single_payment_is_given_back_and_nothing_else_looked_for(
    world: SellingWorld,
) -> None:
    page = await bought(world, recurring=False)
    assert (await give_back(world, page)).amount == PRICE
    assert not {"collected", "cancel_subscription"} & set(world.commerce.calls)


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("settlement", 1),
        ("cancel_subscription", 1),
        ("settlement", 2),
        ("collected", 1),
        ("refund", 1),
        ("refund", 2),
    ],
)
@pytest.mark.parametrize("done", [False, True])
async def test_an_answer_that_is_lost_between_any_two_steps_leaves_one_refund_of_each(
    world: SellingWorld, call: str, number: int, *, done: bool
) -> None:
    page = await bought(world)
    world.commerce.renew(page.subscription_id)
    lost = at_the_call(call, number, ProviderUnreachable("the answer was lost"))
    if done:
        world.commerce.after = lost
    else:
        world.commerce.at = lost
    try:
        await give_back(world, page)
    except ProviderUnreachable:
        assert len(world.commerce.refunds) < 2 or done
    assert (await give_back(world, page)).amount == PRICE * 2
    assert given(world) == [PRICE, PRICE]
    assert over(world, page)


async def test_a_key_given_up_for_one_refund_makes_no_other_a_second_time(
    world: SellingWorld,
) -> None:
    page = await bought(world)
    world.commerce.renew(page.subscription_id)
    fail = at_the_call("refund", 2, ProviderFailed("500", replayed=True))
    lose = at_the_call("refund", 3, ProviderUnreachable("the answer was lost"))

    async def both(call: str) -> None:
        await lose(call)
        await fail(call)

    world.commerce.at = both
    with pytest.raises(ProviderUnreachable):
        await give_back(world, page)
    assert (await give_back(world, page)).amount == PRICE * 2
    assert given(world) == [PRICE, PRICE]


@pytest.mark.parametrize("at", range(1, 50, 2))
async def test_a_worker_that_is_killed_anywhere_leaves_what_the_next_one_finishes(
    at: int,
) -> None:
    world = SellingWorld()
    async with world.worker():
        page = await bought(world)
        world.commerce.renew(page.subscription_id)
    left = [at]
    worker: list[asyncio.Task[None]] = []

    async def kill(_call: str = "") -> None:
        begun = any(one.kind is OperationKind.REFUND for one in world.operations())
        if worker and begun:
            left[0] -= 1
            if left[0] == 0:
                worker[0].cancel()
        await asyncio.sleep(0)

    world.db.step = world.commerce.at = world.commerce.after = kill
    async with world.worker() as task:
        worker.append(task)
        caller = asyncio.create_task(give_back(world, page))
        await asyncio.wait({task, caller}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        worker.clear()
        caller.cancel()
        await asyncio.wait({caller})
    world.clock.ahead += timedelta(minutes=1)
    async with world.worker():
        assert (await give_back(world, page)).amount == PRICE * 2
    assert given(world) == [PRICE, PRICE]
    assert over(world, page)


@pytest.mark.parametrize("sent", [False, True])
async def test_what_an_older_version_had_decided_stays_and_the_rest_is_added(*, sent: bool) -> None:
    world = SellingWorld()
    async with world.worker():
        page = await bought(world)
    world.commerce.renew(page.subscription_id)
    with within(0.6), pytest.raises(InProgress):
        await give_back(world, page)
    operation = await _decided_before(world, world.operations()[-1], page, sent=sent)
    async with world.worker():
        total = await give_back(world, page)
    assert total.amount == PRICE * 2
    assert given(world) == [PRICE, PRICE]
    assert world.operations()[-1].id == operation.id
    (first, added) = world.commerce.refunds
    assert (first, {added}) == (total.id, world.commerce.further)
    assert over(world, page)


async def _decided_before(
    world: SellingWorld, operation: Operation, page: Page, *, sent: bool
) -> Operation:
    """Keep, and perhaps send, what was decided when only the first payment was given back."""
    commerce, charge = world.commerce, world.commerce.charges[page.id]
    parameters = commerce.refund_parameters(charge, operation.marker, "WHY")
    plan = {
        "subscription": page.subscription_id,
        "refunds": [(charge.payment_id, parameters)],
    }
    if sent:
        await commerce.cancel_subscription(f"{operation.key}.cancel", page.subscription_id)
        await commerce.refund(f"{operation.key}.{charge.payment_id}", parameters)
    return await world.tx.run(
        lambda store: store.prepare_operation(operation.id, encode(plan), digest(plan))
    )
