"""Killed at any await, or left without an answer to a commit: still exactly one fact each."""

import asyncio
import itertools
from collections.abc import Coroutine

import pytest

from services.payments.domain import ObjectRef
from services.payments.events import EventState
from tests.fakes.chassis import CommitFate
from tests.unit.payments.world import CHECKOUT, World, purchase

EXPECTED = ["CheckoutPaid", "InvoicePaid", "ProviderSubscription"]


class Killed(BaseException):
    """The process is no more: nothing may catch it."""


class Fuse:
    """Kills at the n-th await after it was lit; counts them all."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.passed = 0
        self.lit = False

    async def step(self) -> None:
        if not self.lit:
            return
        self.passed += 1
        if self.passed == self.kill_at:
            raise Killed

    async def during(self, _root: ObjectRef) -> None:
        await self.step()


async def world_with(fuse: Fuse) -> World:
    world = World(step=fuse.step)
    world.provider.objects[CHECKOUT] = purchase()
    world.provider.during = fuse.during
    return world


async def push_on(world: World, work: Coroutine[object, object, None]) -> None:
    """Run work whose transactions back off on a clock that stands still."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0)
        world.clock.advance(0.005)
    await task


async def recover(world: World, fuse: Fuse) -> None:
    """Another process takes over once the lease of the dead one has run out."""
    fuse.lit = False
    world.clock.advance(31)
    await world.settle()


async def test_a_kill_at_any_await_of_a_fold_leads_to_each_fact_once() -> None:
    for kill_at in itertools.count(1):
        fuse = Fuse(kill_at)
        world = await world_with(fuse)
        await world.deliver("evt_1", "checkout.completed", "cs_1")
        fuse.lit = True
        try:
            await world.settle()
        except Killed:
            await recover(world, fuse)
        assert world.fact_types() == EXPECTED, kill_at
        assert world.event("evt_1").judgement.state is EventState.DONE
        assert world.queue.keys("objects") == {}
        if fuse.passed < kill_at:
            break
    assert kill_at > 11, "the fuse has to burn through the whole fold"


async def test_a_kill_at_any_await_of_an_intake_loses_nothing_that_was_answered() -> None:
    for kill_at in itertools.count(1):
        fuse = Fuse(kill_at)
        world = await world_with(fuse)
        fuse.lit = True
        answered = False
        try:
            await world.deliver("evt_1", "checkout.completed", "cs_1")
            answered = True
        except Killed:
            fuse.lit = False
            # The sender was not answered, so it sends again.
            await world.deliver("evt_1", "checkout.completed", "cs_1")
        await recover(world, fuse)
        assert world.fact_types() == EXPECTED, kill_at
        if answered:
            break
    assert kill_at > 1, "an intake is one statement, and that is one await"


@pytest.mark.parametrize("fate", [CommitFate.LOST_BEFORE, CommitFate.LOST_AFTER])
@pytest.mark.parametrize("lost", range(1, 7))
async def test_a_lost_answer_to_any_commit_leads_to_each_fact_once(
    fate: CommitFate, lost: int
) -> None:
    commits = itertools.count(1)
    world = World(fate=lambda: fate if next(commits) == lost else CommitFate.COMMITTED)
    world.provider.objects[CHECKOUT] = purchase()

    async def deliver_and_work() -> None:
        await world.deliver("evt_1", "checkout.completed", "cs_1")
        await world.settle()

    await push_on(world, deliver_and_work())
    world.clock.advance(31)
    await push_on(world, world.settle())
    assert world.fact_types() == EXPECTED
    assert world.event("evt_1").judgement.state is EventState.DONE
