"""A key counts only for the account and mode that it was first seen with."""

import asyncio

import pytest

from services.chassis.errors import Unavailable
from services.payments.domain import Identity
from services.payments.errors import KeyRefused, ProviderUnreachable
from services.payments.pinning import KeyState, check_key
from services.payments.worker import verify_key
from tests.fakes.payments import ACCOUNTS, PINNED, MemoryProvider
from tests.unit.payments.world import World


class Away(MemoryProvider):
    """A provider that cannot be asked."""

    async def identify(self) -> Identity:
        raise ProviderUnreachable("The provider cannot be reached.")


class Unknown(MemoryProvider):
    """A provider that does not know the key."""

    async def identify(self) -> Identity:
        raise KeyRefused("The provider does not accept the key.")


async def pinned_world() -> World:
    world = World()
    await world.tx.run(lambda store: store.pin("memory", PINNED))
    return world


async def test_the_first_account_is_pinned() -> None:
    world, state = World(), KeyState()
    assert await check_key(world.tx, world.provider, "", False, state)
    assert state.verified
    assert world.db.committed(ACCOUNTS) == {"memory": PINNED}


@pytest.mark.parametrize(
    "found", [Identity("acct_other", livemode=False), Identity("acct_memory", livemode=True)]
)
async def test_a_key_of_another_account_or_mode_is_refused(found: Identity) -> None:
    world, state = await pinned_world(), KeyState()
    provider = MemoryProvider(identity=found)
    assert await check_key(world.tx, provider, "", found.livemode, state)
    assert not state.verified
    assert state.identity is None
    assert "acct_memory" in state.trouble
    assert world.db.committed(ACCOUNTS) == {"memory": PINNED}


async def test_the_account_that_was_configured_is_not_replaced_by_the_keys_own() -> None:
    world, state = World(), KeyState()
    assert await check_key(world.tx, world.provider, "acct_expected", False, state)
    assert not state.verified
    assert world.db.committed(ACCOUNTS) == {}


async def test_a_configured_account_that_differs_from_the_pin_is_refused() -> None:
    world, state = await pinned_world(), KeyState()
    assert await check_key(world.tx, Away(), "acct_expected", False, state)
    assert state.identity is None


@pytest.mark.parametrize("provider", [Away(), Unknown()])
async def test_while_the_key_cannot_be_compared_events_come_in_for_the_pinned_account(
    provider: MemoryProvider,
) -> None:
    world, state = await pinned_world(), KeyState()
    assert not await check_key(world.tx, provider, "", False, state)
    assert state.identity == PINNED
    assert not state.verified


async def test_without_a_pin_and_without_the_provider_nothing_comes_in() -> None:
    world, state = World(), KeyState()
    assert not await check_key(world.tx, Away(), "", False, state)
    assert state.identity is None


async def test_a_key_of_the_other_mode_is_refused_even_while_the_provider_is_away() -> None:
    world, state = await pinned_world(), KeyState()
    assert await check_key(world.tx, Away(), "", True, state)
    assert state.identity is None
    assert "live mode" in state.trouble


async def test_the_key_is_compared_until_the_provider_answers() -> None:
    world, state = World(), KeyState()
    answers = iter([False, False, True])

    async def check() -> bool:
        found = next(answers)
        if found:
            state.accept(PINNED)
        return found

    waiting = asyncio.ensure_future(verify_key(check, state, world.clock))
    while not waiting.done():
        await asyncio.sleep(0)
        world.clock.advance(1)
    await waiting
    assert state.verified


async def test_a_database_that_is_away_is_waited_for() -> None:
    world, state = World(), KeyState()
    failures = iter([Unavailable("the database is away"), None])

    async def check() -> bool:
        failure = next(failures)
        if failure is not None:
            raise failure
        state.refuse("another account")
        return True

    waiting = asyncio.ensure_future(verify_key(check, state, world.clock))
    while not waiting.done():
        await asyncio.sleep(0)
        world.clock.advance(1)
    await waiting
    assert not state.verified
    assert state.trouble == "another account"
