"""A subscription that gives way: ended first, then what it collected since a time given back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.errors import InvalidArgument
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.money import Money
from services.payments import convert
from services.payments.binding import MADE_BY, OperationKind, OperationState
from services.payments.commerce import Refund
from services.payments.domain import AccountId, RootKind
from services.payments.errors import (
    ProviderFailed,
    ProviderRefused,
    ProviderUnreachable,
    UnknownSubscription,
)
from services.payments.operations import Asked
from services.payments.usecases import refund_checkout, refund_subscription
from services.payments.views import SubscriptionStatus
from tests.fakes.memory_db import CommitFate
from tests.fakes.payments import AUDIT
from tests.unit.payments.selling_world import ACCOUNT, SellingWorld
from tollgate.payments.v1 import payments_service_pb2 as pb

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PRICE = Money("eur", 4900)
NOTHING = ("", 0)
Hook = Callable[[str], Awaitable[None]]


@pytest.fixture
async def world() -> AsyncIterator[SellingWorld]:
    world = SellingWorld()
    async with world.worker():
        yield world


async def subscribed(world: SellingWorld) -> str:
    page = (await world.buy()).page
    world.commerce.pay(page.id)
    return world.commerce.sessions[page.id].page.subscription_id


async def give_back(
    world: SellingWorld,
    name: str,
    since: datetime = LONG_AGO,
    request_id: str = "f1",
    *,
    account: str = ACCOUNT,
    reason: str = "RIVAL",
) -> Refund:
    asked = Asked(AccountId(account), "svc", "RefundSubscription", request_id)
    return await refund_subscription(world.selling, asked, name, since, reason)


def told(refund: Refund) -> tuple[str, int]:
    return refund.id, refund.amount.minor_units


def at_the_call(call: str, number: int, failure: Exception) -> Hook:
    """Raise at the n-th call of this name, and at no other."""
    left = [number]

    async def hook(called: str) -> None:
        if called == call:
            left[0] -= 1
            if left[0] == 0:
                raise failure

    return hook


def over(world: SellingWorld, name: str) -> bool:
    return world.commerce.subscriptions[name].view.status is SubscriptionStatus.CANCELED


async def test_it_is_ended_before_what_it_collected_is_looked_at_and_given_back(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    world.commerce.renew(name)
    first = await give_back(world, name)
    assert first.amount == PRICE * 2
    assert [refund.amount for refund, *_ in world.commerce.refunds.values()] == [PRICE, PRICE]
    order = ("cancel_subscription", "collected", "refund")
    calls = [call for call in world.commerce.calls if call in order]
    assert calls == ["cancel_subscription", "collected", "refund", "refund"]
    assert over(world, name)


async def test_what_is_collected_while_it_is_ended_is_given_back_too(world: SellingWorld) -> None:
    name = await subscribed(world)

    async def renew(call: str) -> None:
        if call == "cancel_subscription":
            world.commerce.renew(name)

    world.commerce.at = renew
    assert (await give_back(world, name)).amount == PRICE * 2


async def test_what_was_collected_before_the_time_stays(world: SellingWorld) -> None:
    name = await subscribed(world)
    world.clock.ahead = timedelta(days=30)
    since = world.clock.now().replace(microsecond=0)
    later = world.commerce.renew(name)
    assert (await give_back(world, name, since)).amount == PRICE
    assert [payment for _, payment, _ in world.commerce.refunds.values()] == [later.payment_id]


async def test_what_somebody_gave_back_already_is_not_given_back_again(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    world.commerce.renew(name)
    (page, charge), (renewal, other) = world.commerce.charges.items()
    world.commerce.charges[page] = replace(charge, refunded=PRICE, refund_id="re_a_person")
    world.commerce.charges[renewal] = replace(other, refunded=Money("eur", 900))
    assert (await give_back(world, name)).amount == Money("eur", 4000)


async def test_the_same_key_is_answered_the_same_and_another_has_nothing_left_to_do(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    first = await give_back(world, name)
    again = await give_back(world, name, reason="OTHER_WORDS")
    assert told(first) == told(again)
    assert told(await give_back(world, name, request_id="f2")) == NOTHING
    assert len(world.commerce.refunds) == 1
    assert world.commerce.calls.count("cancel_subscription") == 1
    with pytest.raises(IdempotencyConflict):
        await give_back(world, name, LONG_AGO + timedelta(seconds=1))


async def test_what_arrives_after_it_was_given_back_goes_back_by_another_request_and_alone(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    first = await give_back(world, name)
    late = world.commerce.renew(name)
    assert told(await give_back(world, name)) == told(first)
    again = await give_back(world, name, request_id="f2")
    assert (again.amount, again.id != first.id) == (PRICE, True)
    assert [payment for _, payment, _ in world.commerce.refunds.values()][1:] == [late.payment_id]
    assert world.commerce.calls.count("cancel_subscription") == 1


async def test_one_that_has_ended_gives_its_money_back_and_is_not_ended_again(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    await world.commerce.cancel_subscription("by_a_person", name)
    world.commerce.calls.clear()
    assert (await give_back(world, name)).amount == PRICE
    assert "cancel_subscription" not in world.commerce.calls


async def test_a_trial_is_ended_and_gives_nothing_back(world: SellingWorld) -> None:
    name = await subscribed(world)
    world.commerce.charges.clear()
    assert told(await give_back(world, name)) == NOTHING
    assert over(world, name)


async def test_its_money_is_its_own_accounts_to_ask_for(world: SellingWorld) -> None:
    name = await subscribed(world)
    for account, subject in (("acc_2", name), (ACCOUNT, "sub_unknown")):
        with pytest.raises(UnknownSubscription):
            await give_back(world, subject, account=account)
    assert world.commerce.refunds == {}
    assert not over(world, name)


@pytest.mark.parametrize(
    ("call", "number"),
    [("standing", 1), ("cancel_subscription", 1), ("collected", 1), ("refund", 1), ("refund", 2)],
)
@pytest.mark.parametrize("done", [False, True])
async def test_an_answer_that_is_lost_between_any_two_steps_leaves_one_refund_of_each(
    world: SellingWorld, call: str, number: int, *, done: bool
) -> None:
    name = await subscribed(world)
    world.commerce.renew(name)
    lost = at_the_call(call, number, ProviderUnreachable("the answer was lost"))
    if done:
        world.commerce.after = lost
    else:
        world.commerce.at = lost
    try:
        await give_back(world, name)
    except ProviderUnreachable:
        assert len(world.commerce.refunds) < 2 or done
    total = await give_back(world, name)
    assert total.amount == PRICE * 2
    assert len(world.commerce.refunds) == 2
    assert over(world, name)


@pytest.mark.parametrize(
    ("call", "number"), [("cancel_subscription", 1), ("refund", 1), ("refund", 2)]
)
async def test_what_was_done_and_called_a_failure_is_found_and_not_done_twice(
    world: SellingWorld, call: str, number: int
) -> None:
    name = await subscribed(world)
    world.commerce.renew(name)
    world.commerce.after = at_the_call(call, number, ProviderFailed("500", replayed=True))
    assert (await give_back(world, name)).amount == PRICE * 2
    assert len(world.commerce.refunds) == 2


@pytest.mark.parametrize("number", [1, 2])
async def test_a_refund_is_found_when_its_key_is_forgotten(number: int) -> None:
    world = SellingWorld()
    async with world.worker():
        name = await subscribed(world)
        world.commerce.renew(name)
        world.commerce.after = at_the_call("refund", number, ProviderUnreachable("lost"))
        with pytest.raises(ProviderUnreachable):
            await give_back(world, name)
    world.commerce.forget_keys()
    world.clock.ahead = timedelta(hours=25)
    async with world.worker():
        assert (await give_back(world, name)).amount == PRICE * 2
    assert len(world.commerce.refunds) == 2


@pytest.mark.parametrize("at", range(1, 40, 2))
async def test_a_worker_that_is_killed_anywhere_leaves_what_the_next_one_finishes(
    at: int,
) -> None:
    world = SellingWorld()
    async with world.worker():
        name = await subscribed(world)
        world.commerce.renew(name)
    left = [at]
    worker: list[asyncio.Task[None]] = []

    async def kill(_call: str = "") -> None:
        begun = any(one.kind is OperationKind.REFUND_SUBSCRIPTION for one in world.operations())
        if worker and begun:
            left[0] -= 1
            if left[0] == 0:
                worker[0].cancel()
        await asyncio.sleep(0)

    world.db.step = world.commerce.at = world.commerce.after = kill
    async with world.worker() as task:
        worker.append(task)
        caller = asyncio.create_task(give_back(world, name))
        await asyncio.wait({task, caller}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        worker.clear()
        caller.cancel()
        await asyncio.wait({caller})
    world.clock.ahead += timedelta(minutes=1)
    async with world.worker():
        assert (await give_back(world, name)).amount == PRICE * 2
    assert len(world.commerce.refunds) == 2
    assert over(world, name)


async def test_a_refund_that_is_refused_keeps_no_other_from_being_made(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    other = world.commerce.renew(name)
    refused = ProviderRefused("disputed", metadata={"code": "charge_disputed"})
    world.commerce.at = at_the_call("refund", 1, refused)
    for _ in range(2):
        with pytest.raises(ProviderRefused) as raised:
            await give_back(world, name)
        (made,) = world.commerce.refunds
        assert raised.value.metadata == {"code": "charge_disputed", "refunds": made}
    assert [payment for _, payment, _ in world.commerce.refunds.values()] == [other.payment_id]
    assert world.operations()[-1].result["meta.refunds"] == made


async def test_the_first_refund_is_bound_by_the_operation_and_the_others_by_what_was_paid(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    world.commerce.renew(name)
    total = await give_back(world, name)
    operation = world.operations()[-1]
    assert operation.kind is OperationKind.REFUND_SUBSCRIPTION
    assert (operation.state, operation.object_id) == (OperationState.MADE, total.id)
    assert MADE_BY[operation.kind] is RootKind.REFUND
    assert world.commerce.further == {list(world.commerce.refunds)[1]}
    assert next(iter(world.commerce.refunds)) == total.id
    assert operation.result["refunds"] == " ".join(world.commerce.refunds)


async def test_every_refund_stands_by_name_in_the_audit_record(world: SellingWorld) -> None:
    name = await subscribed(world)
    world.commerce.renew(name)
    for _ in range(2):
        total = await give_back(world, name)
    operation = world.operations()[-1]
    entries = world.db.committed(AUDIT).values()
    (entry,) = [one for one in entries if one.action == "payments.refunds.made"]
    assert (entry.object, entry.reason) == (name, "RIVAL")
    assert entry.details == {
        "operation": operation.id,
        "account": ACCOUNT,
        "refund": total.id,
        "currency": "eur",
        "amount": "9800",
        "refunds": " ".join(world.commerce.refunds),
    }


async def test_the_audit_record_has_them_once_though_a_commit_was_not_heard_of(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    lost: list[CommitFate] = []

    def fate() -> CommitFate:
        made = world.operations()[-1].state is OperationState.MADE
        if made or not world.commerce.refunds:
            return CommitFate.COMMITTED
        lost.append(CommitFate.LOST_AFTER)
        return lost[-1]

    world.db.fate = fate
    await give_back(world, name)
    assert lost
    entries = world.db.committed(AUDIT).values()
    assert len([one for one in entries if one.action == "payments.refunds.made"]) == 1


async def test_a_checkout_whose_subscription_gave_its_money_back_gives_none_twice(
    world: SellingWorld,
) -> None:
    name = await subscribed(world)
    total = await give_back(world, name)
    (page,) = world.commerce.sessions
    asked = Asked(AccountId(""), "svc", "RefundCheckout", "f2")
    assert (await refund_checkout(world.selling, asked, page, "RIVAL")).id == total.id
    assert len(world.commerce.refunds) == 1


def wanted(**changes: object) -> pb.RefundSubscriptionRequest:
    request = pb.RefundSubscriptionRequest(
        account="acc_1",
        provider_subscription_id="sub_1",
        paid_since=Timestamp(seconds=1_767_268_800, nanos=999_999_999),
        reason="RIVAL",
        request_id="f1",
    )
    for field, value in changes.items():
        request.ClearField(field)  # type: ignore[arg-type]  # named by the test
        if value is not None:
            request.MergeFrom(pb.RefundSubscriptionRequest(**{field: value}))  # type: ignore[arg-type]  # the same
    return request


def test_a_wish_is_read_with_its_time_in_whole_seconds() -> None:
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert convert.from_proto_subscription_refund(wanted()) == ("sub_1", since, "RIVAL")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", None),
        ("provider_subscription_id", None),
        ("provider_subscription_id", "s" * 256),
        ("paid_since", None),
        ("paid_since", Timestamp(seconds=1 << 60)),
        ("reason", None),
        ("reason", "r" * 501),
        ("request_id", None),
        ("request_id", "r" * 256),
    ],
)
def test_a_wish_that_is_not_whole_is_refused_by_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidArgument) as refused:
        convert.from_proto_subscription_refund(wanted(**{field: value}))
    assert {one.field for one in refused.value.fields} == {field}


def test_nothing_given_back_is_an_empty_answer() -> None:
    empty = convert.to_proto_subscription_refund(Refund("", Money.zero("usd")))
    assert empty == pb.RefundSubscriptionResponse()
    given = convert.to_proto_subscription_refund(Refund("re_1", PRICE))
    assert (given.refund_id, given.amount.minor_units) == ("re_1", 4900)
