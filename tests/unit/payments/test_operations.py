"""What nobody knows the outcome of is resolved: never lost, never done twice (rules 21, 22, 23)."""

import asyncio
from datetime import timedelta

import pytest

from services.chassis.errors import is_transient
from services.payments import operations as module
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.domain import OperationId
from services.payments.errors import InProgress, ProviderFailed, ProviderUnreachable
from services.payments.operations import Asked, Made, Selling, work_on
from services.payments.ports import AuditEntry
from services.payments.sending import shared_pace
from services.payments.usecases import create_checkout
from tests.fakes.payments import AUDIT
from tests.unit.payments.selling_world import ACCOUNT, SellingWorld

CREATE = "create_checkout"


async def settled(world: SellingWorld) -> None:
    """Wait until no operation is open."""
    async with asyncio.timeout(20):
        while any(  # noqa: ASYNC110 - no event of ours
            one.state is OperationState.STARTED for one in world.operations()
        ):
            await asyncio.sleep(0.01)


async def test_a_caller_that_goes_away_cancels_nothing() -> None:
    world = SellingWorld()
    called, go = asyncio.Event(), asyncio.Event()

    async def slow(call: str) -> None:
        if call == CREATE:
            called.set()
            await go.wait()

    world.commerce.at = slow
    async with world.worker():
        caller = asyncio.create_task(world.buy(request_id="r1"))
        await called.wait()
        caller.cancel()
        await asyncio.wait({caller})
        go.set()
        await settled(world)
    assert len(world.commerce.open_pages()) == 1
    assert world.places() == ["OPEN"]


async def test_a_call_that_takes_too_long_is_told_so_and_found_by_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    world = SellingWorld()
    go = asyncio.Event()

    async def slow(call: str) -> None:
        if call == CREATE:
            await go.wait()

    world.commerce.at = slow
    wanted = world.wanted()
    async with world.worker():
        for _ in range(2):
            with pytest.raises(InProgress) as waiting:
                await world.buy(wanted, "r1")
            assert is_transient(waiting.value)
        go.set()
        await settled(world)
        found = await world.buy(wanted, "r1")
    assert list(world.commerce.sessions) == [found.page.id]


async def test_another_process_that_waits_is_answered_from_the_rows() -> None:
    world = SellingWorld()
    other = world.another_process()
    asked = Asked(ACCOUNT, "svc", "CreateCheckout", "r1")
    async with world.worker():
        found = await create_checkout(other, asked, world.wanted())
    assert found.page.url


async def test_a_failure_that_had_its_effect_is_found_by_what_we_wrote_into_it() -> None:
    world = SellingWorld()
    failed: list[str] = []

    async def fail_once(call: str) -> None:
        if call not in failed:
            failed.append(call)
            raise ProviderFailed("500", replayed=False)

    world.commerce.after = fail_once
    async with world.worker():
        found = await world.buy()
    assert failed == ["create_customer", CREATE]
    assert list(world.commerce.sessions) == [found.page.id]
    assert len(world.commerce.customers) == 1


async def test_a_failure_without_effect_that_is_replayed_is_left_for_a_new_key() -> None:
    world = SellingWorld()
    calls = 0

    async def fail(call: str) -> None:
        nonlocal calls
        if call == CREATE:
            calls += 1
            if calls <= 2:
                raise ProviderFailed("500", replayed=calls == 2)

    world.commerce.at = fail
    wanted = world.wanted()
    async with world.worker():
        with pytest.raises(ProviderUnreachable):
            await world.buy(wanted, "r1")
        await settled(world)
        found = await world.buy(wanted, "r1")
    assert list(world.commerce.sessions) == [found.page.id]
    checkout = next(one for one in world.operations() if one.object_id == found.page.id)
    assert (checkout.attempt, calls) == (1, 3)


async def test_a_key_is_sent_with_the_stored_parameters_even_by_a_version_that_would_send_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = SellingWorld()
    down = True

    async def away(call: str) -> None:
        if call == CREATE and down:
            raise ProviderUnreachable("away")

    world.commerce.after = away
    wanted = world.wanted()
    async with world.worker():
        with pytest.raises(ProviderUnreachable):
            await world.buy(wanted, "r1")
    before = world.operations()[0].parameters
    down = False
    monkeypatch.setattr(world.commerce, "checkout_parameters", lambda *_: {"other": True})
    async with world.worker():
        found = await world.buy(wanted, "r1")
    assert world.operations()[0].parameters == before
    assert world.commerce.open_pages() == [found.page.id]


@pytest.mark.parametrize("done", [True, False])
async def test_past_twenty_three_hours_the_object_is_looked_up_before_a_new_key_is_used(
    done: bool,
) -> None:
    world = SellingWorld()
    down = True

    async def away(call: str) -> None:
        if call == "create_customer" and down:
            raise ProviderUnreachable("away")

    if done:
        world.commerce.after = away
    else:
        world.commerce.at = away
    async with world.worker():
        with pytest.raises(ProviderUnreachable):
            await world.buy(request_id="r1")
    # The provider forgets its keys: the same key would make another customer.
    world.commerce.forget_keys()
    world.clock.ahead = timedelta(hours=25)
    down = False
    async with world.worker():
        found = await world.buy(world.wanted("price_2"), "r2")
        await settled(world)
    assert "find_customer" in world.commerce.calls
    assert list(world.commerce.customers) == [found.page.customer_id]
    customer = next(one for one in world.operations() if one.object_id == found.page.customer_id)
    assert customer.attempt == (0 if done else 1)


class Kill:
    """Ends a worker before its n-th step, whatever that is."""

    def __init__(self, world: SellingWorld, at: int) -> None:
        self.left = at
        self.world = world
        self.task: asyncio.Task[None] | None = None

    async def step(self, _call: str = "") -> None:
        if self.task is not None:
            self.left -= 1
            if self.left == 0:
                self.task.cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("at", range(1, 60, 2))
async def test_a_worker_that_is_killed_anywhere_leaves_what_the_next_one_finishes(at: int) -> None:
    world = SellingWorld()
    kill = Kill(world, at)
    world.db.step = world.commerce.at = world.commerce.after = kill.step
    wanted = world.wanted()
    async with world.worker() as task:
        caller = asyncio.create_task(world.buy(wanted, "r1"))
        async with asyncio.timeout(10):
            while not world.operations():  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0)
        kill.task = task
        await asyncio.wait({task, caller}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        kill.task = None
        caller.cancel()
        await asyncio.wait({caller})
    world.clock.ahead += timedelta(minutes=1)
    async with world.worker():
        found = await world.buy(wanted, "r1")
        await settled(world)
    assert list(world.commerce.sessions) == [found.page.id]
    assert world.commerce.open_pages() == [found.page.id]
    assert len(world.commerce.customers) == 1
    assert world.places() == ["OPEN"]


async def test_calls_wait_for_a_token_that_all_replicas_share() -> None:
    world = SellingWorld()
    paces = [shared_pace(world.tx, "memory", world.clock, 20.0) for _ in range(2)]
    began = world.clock.monotonic()
    await asyncio.gather(*(paces[number % 2]("checkout.create") for number in range(30)))
    assert world.clock.monotonic() - began > 0.3


async def test_what_two_workers_finish_at_one_moment_is_in_the_audit_record_once() -> None:
    world = SellingWorld()
    name = OperationId("op_1")
    refund = Operation(
        name, OperationKind.REFUND, ACCOUNT, "stripe", "acct", "tollgate", b"{}", b"1"
    )
    await world.tx.run(lambda store: store.put_operation(refund))
    both_made = asyncio.Barrier(2)

    async def made(_selling: Selling, operation: Operation) -> Made:
        await both_made.wait()
        entry = AuditEntry("worker", "payments.refunds.made", operation.id, "", "", {})
        return Made(answer=None, object_id="re_1", entry=entry)

    replicas = (world.selling, world.another_process())
    await asyncio.gather(*(work_on(one, name, {refund.kind: made}) for one in replicas))
    assert len(world.db.committed(AUDIT)) == 1
