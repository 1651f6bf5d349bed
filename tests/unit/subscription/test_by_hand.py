"""The command line of an operator who has no token."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.errors import InvalidArgument, NotFound
from services.chassis.idempotency import IdempotencyConflict
from services.subscription import by_hand
from services.subscription.domain import AccountKind, State
from services.subscription.offers import AddonQuantity
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_pricing import organization
from tests.fakes.subscription_world import Catalog, Sold, SteadyClock, World, memory_world
from tests.unit.subscription.people import account_of

GIVE = ("assign-plan", "--organization", "acme", "--plan", "dc/small", "--reason", "sponsored")
END = ("end-assignment", "--organization", "acme", "--plan", "dc/small", "--reason", "over")


@pytest.fixture
def db() -> MemoryDatabase:
    return MemoryDatabase(SteadyClock())


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    small = Sold("dc/small", organization("4", "8Gi"))
    return memory_world(db, Catalog(price_small=small, price_more=Sold(addon="dc/turbo-x1")))


async def run(world: World, *arguments: str) -> str:
    return await by_hand.perform(world.desk, by_hand.parse(arguments))


async def test_a_plan_is_given_to_an_organization_that_had_no_account(
    world: World, db: MemoryDatabase
) -> None:
    until = "2026-02-01T00:00:00Z"
    said = await run(world, *GIVE, "--addon", "turbo-x1=2", "--until", until, "--actor", "eve")
    [sub] = await world.subscriptions()
    assert sub.offer.addons == (AddonQuantity("dc/turbo-x1", 2),)
    assert sub.period_end == datetime(2026, 2, 1, tzinfo=UTC)
    assert sub.name in said
    assert "dc/small + 2 x dc/turbo-x1" in said
    [view] = await world.accounts()
    assert (view.account.kind, view.account.external_id) == (AccountKind.ORGANIZATION, "acme")
    lines = {one.action: one for one in db.committed(AUDIT).values()}
    assert lines["assignment.give"].actor.name == "eve"
    assert lines["account.create"].reason == "PLAN_ASSIGNED"


async def test_a_dry_run_says_what_would_be_and_makes_nothing(world: World) -> None:
    with pytest.raises(NotFound):
        await run(world, *GIVE, "--dry-run")
    await account_of(world, AccountKind.ORGANIZATION, "acme")
    assert "would hold dc/small" in await run(world, *GIVE, "--dry-run")
    assert not await world.subscriptions()


async def test_the_same_command_under_its_key_does_nothing_more(world: World) -> None:
    first = await run(world, *GIVE, "--request-id", "k")
    await run(world, *END, "--now")
    assert (await run(world, *GIVE, "--request-id", "k")) != first
    assert len(await world.subscriptions()) == 1
    with pytest.raises(IdempotencyConflict):
        await run(world, *GIVE, "--addon", "turbo-x1", "--request-id", "k")


async def test_what_was_given_is_ended_at_a_time_resumed_and_ended_now(world: World) -> None:
    await run(world, *GIVE)
    at = "2026-02-01T00:00:00+00:00"
    assert f"until {at}" in await run(world, *END, "--at", at)
    assert ": active" in await run(world, *END, "--resume")
    assert "until" in await run(world, *END, "--now")
    [sub] = await world.subscriptions()
    assert sub.state is State.CANCELED


async def test_the_assignment_in_force_is_ended_and_not_one_that_is_over(
    world: World, db: MemoryDatabase
) -> None:
    await run(world, *GIVE)
    await run(world, *END, "--now")
    assert isinstance(db.clock, SteadyClock)
    db.clock.advance(timedelta(days=1))
    await run(world, *GIVE)
    await run(world, *END, "--now")
    assert {sub.state for sub in await world.subscriptions()} == {State.CANCELED}


async def test_what_is_not_there_is_said(world: World) -> None:
    with pytest.raises(NotFound):
        await run(world, *END, "--now")
    account = await account_of(world, AccountKind.ORGANIZATION, "acme")
    with pytest.raises(NotFound):
        await run(world, *END, "--now")
    arguments = ("--plan", "dc/small", "--reason", "over", "--at", "2020-01-01T00:00:00Z")
    await run(world, *GIVE)
    with pytest.raises(InvalidArgument):
        await run(world, "end-assignment", "--account", account.name, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        GIVE[:-2],
        (*GIVE, "--account", "acc_1"),
        (*GIVE, "--until", "tomorrow"),
        (*GIVE, "--until", "2027-01-01T00:00:00"),
        (*GIVE, "--addon", "turbo-x1=two"),
        END,
        (*END, "--now", "--resume"),
    ],
)
def test_a_wrong_command_line_is_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        by_hand.parse(arguments)
    assert refused.value.code == 2
    assert "usage:" in capsys.readouterr().err
