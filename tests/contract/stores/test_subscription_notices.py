"""What budgets say is kept on the accounts that they concern; in memory and on PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest

from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.facts import FactRecord
from services.chassis.migrate import migrate
from services.chassis.money import Money
from services.subscription import convert, usecases
from services.subscription.domain import AccountKind
from services.subscription.noticing import Basis, BudgetNotice, PassedThreshold, month_of
from services.subscription.ports import Store
from services.subscription.store import PgStore
from services.subscription.usecases import Envelope
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_world import ADMIN, SteadyClock, World, catalog, memory_world
from tests.integration.postgres_fixture import Database

_AUDITED = "SELECT object, reason FROM audit WHERE action = 'budget.noticed' ORDER BY seq"
MIGRATIONS = Path(convert.__file__).parent.parent / "migrations"
THEN = datetime(2026, 11, 3, 7, 30, 0, 250_000, tzinfo=UTC)
EIGHTY = PassedThreshold(80, Basis.SPENT, Money("usd", 8_012), THEN)
ALL = PassedThreshold(100, Basis.FORECAST, Money("usd", 10_400), THEN)


def make_store(connection: Connection) -> PgStore:
    return PgStore(connection, convert.to_record)


@dataclass
class Bench:
    """A world, and what its audit record says of notices: objects and reasons."""

    world: World
    audited: Callable[[], Awaitable[list[tuple[str, str]]]]


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[Bench]:
    dsns = await database.service("subscription")
    await migrate(dsns.owner, "subscription", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)

    async def audited() -> list[tuple[str, str]]:
        return [(row["object"], row["reason"]) for row in await pool.fetch(_AUDITED)]

    yield Bench(World(PgTransactions(pool, make_store), catalog()), audited)
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "memory":
        db = MemoryDatabase(SteadyClock())

        async def audited() -> list[tuple[str, str]]:
            changes = db.tables[AUDIT.name].values()
            return [(one.object, one.reason) for one in changes if one.action == "budget.noticed"]

        return Bench(memory_world(db), audited)
    found: Bench = request.getfixturevalue("on_postgres")
    return found


@pytest.fixture
def world(bench: Bench) -> World:
    return bench.world


async def this_month(world: World) -> str:
    async def read(store: Store) -> str:
        return month_of(await store.now())

    return await world.tx.run(read)


async def notice(world: World, *passed: PassedThreshold, revision: int = 1) -> BudgetNotice:
    return BudgetNotice(
        budget="bud_1",
        revision=revision,
        account="",
        user="ann",
        organization="",
        display_name="Ann's month",
        month=await this_month(world),
        amount=Money("usd", 10_000),
        passed=passed,
    )


async def take(world: World, told: BudgetNotice) -> None:
    record = FactRecord(
        f"fct_{told.revision}", "budget:bud_1", told.revision, "t", b"", traceparent="00-ab-cd-01"
    )
    await usecases.take_budget_notice(world.tx, Envelope(record, "pricing"), told)


async def shown(world: World, account: str) -> list[BudgetNotice]:
    view = await usecases.get_account(world.tx, ADMIN, "sub", account)
    return list(view.notices)


async def test_a_notice_is_shown_on_the_account_as_it_was_told(world: World) -> None:
    ann = (await world.create()).account.name
    bob = (await world.create(external_id="bob")).account.name
    told = await notice(world, EIGHTY, ALL)
    await take(world, told)
    assert await shown(world, ann) == [told]
    assert await shown(world, bob) == []


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
async def test_the_newest_revision_wins_in_whatever_order_they_come(
    world: World, order: tuple[int, ...]
) -> None:
    ann = (await world.create()).account.name
    passed = {1: (EIGHTY,), 2: (), 3: (EIGHTY, ALL)}
    for revision in (*order, *order):
        await take(world, await notice(world, *passed[revision], revision=revision))
    (found,) = await shown(world, ann)
    assert (found.revision, found.passed) == (3, (EIGHTY, ALL))


async def test_what_is_taken_back_is_not_shown_and_nothing_older_brings_it_back(
    world: World,
) -> None:
    ann = (await world.create()).account.name
    await take(world, await notice(world, EIGHTY))
    await take(world, await notice(world, revision=2))
    await take(world, await notice(world, EIGHTY))
    assert await shown(world, ann) == []


async def test_a_month_that_is_over_says_nothing_any_more(world: World) -> None:
    ann = (await world.create()).account.name
    await take(world, replace(await notice(world, EIGHTY), month="2020-01"))
    assert await shown(world, ann) == []


async def test_accounts_are_found_by_their_own_and_by_their_outside_names(world: World) -> None:
    ann = (await world.create()).account.name
    acme = (await world.create(AccountKind.ORGANIZATION, "acme")).account.name
    did = (await world.create(AccountKind.DID, "did:web:ann")).account.name
    named = replace(await notice(world, EIGHTY), user="", organization="acme", account=did)
    await take(world, named)
    assert [await shown(world, one) for one in (ann, acme, did)] == [[], [named], [named]]
    # A person that is called as an organization is another account.
    other = (await world.create(AccountKind.USER, "acme")).account.name
    assert await shown(world, other) == []


async def test_an_account_that_is_made_later_has_the_notice_too(world: World) -> None:
    told = await notice(world, EIGHTY)
    await take(world, told)
    ann = (await world.create()).account.name
    assert await shown(world, ann) == [told]


async def test_one_that_is_told_of_twice_is_recorded_once_on_each_account(bench: Bench) -> None:
    world = bench.world
    ann = (await world.create()).account.name
    acme = (await world.create(AccountKind.ORGANIZATION, "acme")).account.name
    told = replace(await notice(world, EIGHTY, ALL), organization="acme", account=ann)
    for _ in range(2):
        await take(world, told)
    recorded = await bench.audited()
    assert sorted(recorded) == sorted((name, "80 % spent, 100 % forecast") for name in (ann, acme))
    await take(world, replace(told, revision=2, user="", account="", organization="nobody"))
    assert (await bench.audited())[-1][0] == "bud_1"
