"""The credit ledger, in memory and on PostgreSQL: schedules against a model, and its promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import count as numbers
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings

from services.chassis.db import PgTransactions, open_pool
from services.chassis.errors import InvalidArgument, Refusal
from services.chassis.identity import Principal
from services.chassis.migrate import migrate
from services.chassis.money import Money
from services.subscription import convert
from services.subscription.asking import PageRequest
from services.subscription.errors import UnknownAccount
from services.subscription.incoming import PaymentReversed, ReversalKind
from services.subscription.ledger import Balance, HoldState, Movement, Pool, SpendRequest
from services.subscription.ledger_errors import (
    HoldCaptured,
    HoldReleased,
    InsufficientCredits,
    KeyReused,
    UnknownHold,
)
from services.subscription.store import PgStore
from services.subscription.usecases import spending
from services.subscription.usecases.reversals import take_reversal
from tests.fakes.ledger_model import (
    GRANTED,
    Action,
    Capture,
    Debit,
    Hold,
    Pay,
    Play,
    Refund,
    Release,
    count,
    ledger_catalog,
    schedules,
)
from tests.fakes.subscription_world import (
    ADMIN,
    START,
    World,
    checkout,
    envelope,
    memory_world,
)
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/subscription/migrations")
_players = numbers(1)


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[World]:
    dsns = await database.service("subscription")
    await migrate(dsns.owner, "subscription", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    yield World(
        PgTransactions(pool, lambda conn: PgStore(conn, convert.to_record)), ledger_catalog()
    )
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return memory_world(pricing=ledger_catalog())
    found: World = request.getfixturevalue("on_postgres")
    return found


async def played(world: World, *actions: Action) -> Play:
    play = Play(world, f"cus_{next(_players)}")
    await play.run(actions)
    return play


def asks(play: Play, amount: int, key: str, reference: str = "session") -> SpendRequest:
    return SpendRequest(play.pool, amount, reference, "gateway", key)


async def balance(play: Play) -> Balance:
    return await play.world.tx.run(lambda store: store.balance(play.pool))


@given(schedules)
@settings(max_examples=150, deadline=None)
async def test_any_schedule_leaves_what_the_model_says(schedule: list[Action]) -> None:
    await Play(memory_world(pricing=ledger_catalog())).run(schedule)


@given(schedule=schedules)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_the_same_schedules_on_postgresql(on_postgres: World, schedule: list[Action]) -> None:
    await played(on_postgres, *schedule)


async def test_renewals_reset_and_holds_stay_pinned(world: World) -> None:
    play = await played(world, Debit(1000), Hold(500), Hold(300), Pay(1), Pay(1, times=2))
    assert (await balance(play)).available == GRANTED
    await spending.release(world.tx, play.holds[0], "test")
    assert (await balance(play)).available == GRANTED
    await spending.capture(world.tx, play.holds[1], "test")
    assert (await balance(play)).posted == GRANTED
    entries = await world.tx.run(lambda store: store.list_entries(play.pool, 0, 100))
    assert count(entries, Movement.GRANT) == 2
    assert count(entries, Movement.EXPIRE) == 2


async def test_an_older_period_grants_nothing(world: World) -> None:
    play = await played(world, Pay(3), Debit(100), Pay(2), Pay(1))
    assert (await balance(play)).available == GRANTED - 100


async def test_a_refund_takes_back_what_remains_and_the_rest_is_owed(world: World) -> None:
    play = await played(world, Debit(4000), Refund(0, 100))
    left = await balance(play)
    assert (left.available, left.debt) == (0, 4000)
    await played(world, Debit(100), Refund(0, 50), Refund(0, 10), Pay(1), Release(0), Capture(0))


async def test_a_failed_refund_gives_back_in_either_order(world: World) -> None:
    for first, second in ((0, 1), (1, 0)):
        play = await played(world, Debit(1000))
        moved = [
            PaymentReversed(
                reversal_id=f"re_{play.who}",
                kind=kind,
                payer=checkout("cs", play.who).payer,
                amount=Money("usd", 4900),
                paid=Money("usd", 4900),
                reverse_time=START,
                invoice_id=f"in_{play.who}_0",
            )
            for kind in (ReversalKind.REFUND, ReversalKind.REFUND_FAILED)
        ]
        for fact in (moved[first], moved[second], moved[second]):
            mail = envelope(fact, f"{fact.reversal_id}-{fact.kind}")
            await take_reversal(world.tx, world.ids, mail, fact)
        left = await balance(play)
        assert (left.available, left.debt) == (GRANTED - 1000, 0)


async def test_sixty_four_debits_at_once_never_overspend(world: World) -> None:
    play = await played(world, Debit(GRANTED - 50))

    async def spend(number: int) -> bool:
        try:
            await spending.debit(world.tx, asks(play, 1, f"at-once-{number}"))
        except InsufficientCredits:
            return False
        return True

    accepted = await asyncio.gather(*(spend(number) for number in range(64)))
    assert sum(accepted) == 50
    assert (await balance(play)).posted == 0
    entries = await world.tx.run(lambda store: store.list_entries(play.pool, 0, 100))
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))


async def test_one_key_at_once_is_one_debit(world: World) -> None:
    play = await played(world)
    results = await asyncio.gather(
        *(spending.debit(world.tx, asks(play, 7, "one-key")) for _ in range(8))
    )
    assert len({entry.posting.name for entry, _ in results}) == 1
    assert (await balance(play)).available == GRANTED - 7


async def test_one_key_at_once_may_spend_the_last_credits(world: World) -> None:
    play = await played(world, Debit(GRANTED - 7))
    results = await asyncio.gather(
        *(spending.debit(world.tx, asks(play, 7, "the-last")) for _ in range(8))
    )
    assert len({entry.posting.name for entry, _ in results}) == 1
    assert (await balance(play)).available == 0


async def test_debits_and_a_renewal_at_once_keep_the_books(world: World) -> None:
    play = await played(world)
    debits = [spending.debit(world.tx, asks(play, 10, f"d-{n}")) for n in range(20)]
    await asyncio.gather(*debits, world.give(play._invoice(1)), world.give(play._invoice(1)))
    left = await balance(play)
    entries = await world.tx.run(lambda store: store.list_entries(play.pool, 0, 100))
    after = [e for e in entries if e.posting.movement is Movement.DEBIT]
    renewed = max(e.sequence for e in entries if e.posting.movement is Movement.GRANT)
    assert left.available == GRANTED - 10 * sum(e.sequence > renewed for e in after)
    assert count(entries, Movement.GRANT) == 2


async def test_a_key_is_not_good_for_anything_else(world: World) -> None:
    play = await played(world)
    await spending.debit(world.tx, asks(play, 7, "k"))
    for other in (asks(play, 8, "k"), asks(play, 7, "k", "other")):
        with pytest.raises(KeyReused):
            await spending.debit(world.tx, other)
    await spending.hold(world.tx, asks(play, 7, "k"))
    assert (await balance(play)).available == GRANTED - 14


async def test_a_hold_leaves_once(world: World) -> None:
    play = await played(world)
    spent, _ = await spending.hold(world.tx, asks(play, 10, "one"))
    given, _ = await spending.hold(world.tx, asks(play, 10, "two"))
    await spending.capture(world.tx, spent.name, "test")
    await spending.release(world.tx, given.name, "test")
    with pytest.raises(HoldCaptured):
        await spending.release(world.tx, spent.name, "test")
    with pytest.raises(HoldReleased):
        await spending.capture(world.tx, given.name, "test")
    with pytest.raises(UnknownHold):
        await spending.capture(world.tx, "hld_none", "test")
    assert (await balance(play)).available == GRANTED - 10


async def test_capture_and_release_at_once_are_one_of_them(world: World) -> None:
    play = await played(world)
    made, _ = await spending.hold(world.tx, asks(play, 10, "one"))

    async def attempt(what: str) -> bool:
        leave = spending.capture if what == "capture" else spending.release
        try:
            await leave(world.tx, made.name, "test")
        except Refusal:
            return False
        return True

    results = await asyncio.gather(*(attempt(w) for w in ["capture", "release"] * 4))
    captured = any(results[0::2])
    assert captured != any(results[1::2])
    assert (await balance(play)).available == GRANTED - (10 if captured else 0)


async def test_bad_requests_say_what_would_be_right(world: World) -> None:
    play = await played(world)
    for request in (asks(play, 0, "k"), asks(play, 10**10, "k"), asks(play, 1, "")):
        with pytest.raises(InvalidArgument, match="expected 1 to"):
            await spending.debit(world.tx, request)
    with pytest.raises(InsufficientCredits) as refused:
        await spending.debit(world.tx, asks(play, GRANTED + 1, "k"))
    assert refused.value.metadata == {"available": "5000", "required": "5001"}
    nobody = SpendRequest(Pool("acc_none", "shop"), 1, "x", "gateway", "k")
    with pytest.raises(UnknownAccount):
        await spending.debit(world.tx, nobody)


async def test_entries_are_paged_and_seen_by_their_owner_only(world: World) -> None:
    play = await played(world, Debit(1), Debit(2), Debit(3))
    first = await spending.list_entries(world.tx, ADMIN, "sub", play.pool, PageRequest(2))
    rest = await spending.list_entries(
        world.tx, ADMIN, "sub", play.pool, PageRequest(10, first.next_token)
    )
    assert [e.sequence for e in (*first.items, *rest.items)] == [1, 2, 3, 4]
    mallory = Principal("mallory", "user", issuer="http://idp/realms/acme", organization="acme")
    with pytest.raises(UnknownAccount):
        await spending.get_balance(world.tx, mallory, "sub", play.pool)


async def test_expired_holds_are_given_back(on_postgres: World) -> None:
    play = await played(on_postgres)
    held, _ = await spending.hold(on_postgres.tx, asks(play, 10, "k"))
    assert await spending.release_expired(on_postgres.tx, "test") == 0
    past = held.create_time - timedelta(seconds=1)
    await on_postgres.tx.run(
        lambda store: store.add_hold(replace(held, name="hld_old", expire_time=past))
    )
    await on_postgres.tx.run(lambda store: store.leave_held(held.name, HoldState.RELEASED))
    assert await spending.release_expired(on_postgres.tx, "test") == 1
    assert (await balance(play)).available == GRANTED


async def test_entries_stand_for_good(database: Database, on_postgres: World) -> None:
    await played(on_postgres, Debit(1))
    dsns = await database.service("subscription")
    connection = await asyncpg.connect(dsns.service)
    for statement in ("UPDATE credit_entries SET amount = 1", "DELETE FROM credit_entries"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(statement)
    await connection.close()
