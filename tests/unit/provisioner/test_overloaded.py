"""An API server that is too busy for a write is asked again as it said, and not for ever."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.provisioner import isolation
from services.provisioner.domain import OrderedPhase, Tenant, TenantPhase
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.objects import ref_of
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.contention import run
from tests.unit.provisioner.world import World, order, until

_WRITES = ("create", "hand_over", "apply", "delete")


class Overloaded:
    """A cluster that turns each write away so many times, before or after it had its effect.

    ``of`` is the kind whose writes are turned away; all by default.
    """

    def __init__(self, world: World, times: int, *, done: bool = False, of: str = "") -> None:
        self._world = world
        self._done = done
        self._of = of
        self.after: float | None = 0.2
        self.turned_away = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._left: defaultdict[tuple[str, str], int] = defaultdict(lambda: times)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._world.cluster, name)
        return self._writing(name, call) if name in _WRITES else call

    def _writing(
        self, verb: str, call: Callable[..., Awaitable[object]]
    ) -> Callable[..., Awaitable[object]]:
        async def write(*args: Any, **kwargs: Any) -> object:
            ref = ref_of(getattr(args[0], "content", args[0]))
            if not self._left[verb, str(ref)] or (self._of and ref.kind != self._of):
                return await call(*args, **kwargs)
            self._left[verb, str(ref)] -= 1
            self.turned_away += 1
            self.meanwhile()
            if self._done:
                await call(*args, **kwargs)
            raise ClusterUnavailable("too many requests", retry_after=self.after)

        return write


@pytest.fixture
def world() -> World:
    return World()


async def ordered(world: World) -> Tenant:
    """A tenant of which nothing stands."""
    return await world.take(order())


async def test_a_run_outlives_refusals_that_say_when_to_come_back(world: World) -> None:
    tenant = await ordered(world)
    busy = Overloaded(world, 3)
    assert await run(world, tenant, busy) > 0.6
    assert busy.turned_away >= 3 * len(_WRITES)
    assert world.tenant(tenant.id).observed_generation == 1


async def test_what_took_effect_before_it_was_refused_is_taken_as_it_stands(world: World) -> None:
    tenant = await ordered(world)
    busy = Overloaded(world, 1, done=True)
    await run(world, tenant, busy)
    assert world.tenant(tenant.id).observed_generation == 1
    assert world.tenant(tenant.id).phase is not TenantPhase.FAILED
    await world.take(order(2, plan="sessions/other"))
    await run(world, tenant, busy)
    assert world.deployment(tenant).version.generation == 2


async def test_one_that_stays_busy_is_left_for_a_later_run(world: World) -> None:
    tenant = await ordered(world)
    busy = Overloaded(world, 1000)
    with pytest.raises(ClusterUnavailable):
        await run(world, tenant, busy)
    assert busy.turned_away == 4


@pytest.mark.parametrize("after", [None, 60.0])
async def test_nobody_waits_who_was_not_told_to_or_for_long(
    world: World, after: float | None
) -> None:
    tenant = await ordered(world)
    busy = Overloaded(world, 1)
    busy.after = after
    with pytest.raises(ClusterUnavailable):
        await run(world, tenant, busy)
    assert busy.turned_away == 1


async def test_waiting_never_outlives_the_lease(world: World) -> None:
    tenant = await ordered(world)
    busy = Overloaded(world, 1)
    with pytest.raises(ClusterUnavailable):
        await run(world, tenant, busy, MemoryLease(1.1))
    assert busy.turned_away == 1


async def test_who_waited_to_let_the_owner_in_looks_at_the_order_again(world: World) -> None:
    tenant = await ordered(world)
    busy = Overloaded(world, 1, of="RoleBinding")
    suspending: list[asyncio.Task[Tenant]] = []
    busy.meanwhile = lambda: suspending.append(
        asyncio.create_task(world.take(order(2, OrderedPhase.SUSPENDED)))
    )
    await run(world, tenant, busy)
    await until(lambda: suspending[0].done())
    assert busy.turned_away == 1
    owner = isolation.owner_ref(world.tenant(tenant.id).namespace)
    assert await world.cluster.get(owner, timeout=1.0) is None
