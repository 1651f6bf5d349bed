"""Orders, looks and watches, without a cluster behind them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.identity import Principal
from services.chassis.retaking import retake
from services.provisioner import usecases
from services.provisioner.convert import ORDERED, Codec, to_fact
from services.provisioner.domain import (
    NothingCapacity,
    Observed,
    OrderedPhase,
    OtherCapacity,
    Scope,
    Tenant,
    TenantPhase,
    scope_of,
)
from services.provisioner.errors import IncarnationClosed, UnknownTenant
from services.provisioner.plan import Action
from services.provisioner.servicer import Desk, OrderIntake
from services.provisioner.watching import Watching
from tests.fakes.memory_db import MemoryTransactions
from tests.fakes.memory_inbox import PARKED, MemoryKeptFacts
from tests.fakes.provisioner import TENANT_ROWS
from tests.unit.provisioner.world import EVERYTHING, World, order
from tollgate.common.v1 import capacity_pb2
from tollgate.provisioner.v1 import events_pb2
from tollgate.subscription.v1 import events_pb2 as orders_pb2
from tollgate.subscription.v1 import subscription_pb2

EVERYBODY = Scope(everybody=True)


@pytest.fixture
def world() -> World:
    return World()


async def preview(world: World, generation: int, phase: OrderedPhase) -> list[tuple[Action, str]]:
    found = await usecases.preview_capacity(
        world.tx, world.names, world.cluster, world.clock, order(generation, phase)
    )
    return [(change.action, change.ref.kind) for change in found.changes]


async def test_a_deleted_incarnation_never_comes_back(world: World) -> None:
    tenant = await world.make(order())
    await world.make(order(2, OrderedPhase.DELETED))
    await world.run(tenant)
    gone = world.tenant(tenant.id)
    assert gone.phase is TenantPhase.DELETED
    with pytest.raises(IncarnationClosed):
        await world.take(order(3))
    assert world.tenant(tenant.id) == gone
    again = await world.make(order(4, OrderedPhase.DELETED))
    assert again.observed_generation == 4
    assert world.phases()[-2:] == ["DELETED", "DELETED"]
    next_one = await world.make(order(5, incarnation=2))
    assert next_one.phase is TenantPhase.READY
    assert next_one.namespace != tenant.namespace


async def test_what_was_never_made_is_deleted_without_a_request(world: World) -> None:
    tenant = await world.make(order(1, OrderedPhase.DELETED))
    assert tenant.phase is TenantPhase.DELETED
    assert world.cluster.calls == []


async def test_a_preview_tells_every_change_and_makes_none(world: World) -> None:
    creates = await preview(world, 1, OrderedPhase.RUNNING)
    assert sorted(kind for _, kind in creates) == sorted(kind for kind, _ in EVERYTHING)
    assert {action for action, _ in creates} == {Action.CREATE}
    assert world.db.committed(TENANT_ROWS) == {}

    await world.make(order())
    before = dict(world.cluster.stored)
    assert await preview(world, 1, OrderedPhase.RUNNING) == []
    suspended = await preview(world, 2, OrderedPhase.SUSPENDED)
    assert suspended[0] == (Action.DELETE, "RoleBinding")
    assert (Action.UPDATE, "Deployment") in suspended
    assert await preview(world, 2, OrderedPhase.DELETED) == [(Action.DELETE, "Namespace")]
    assert world.cluster.stored == before
    assert {verb for verb in world.cluster.verbs() if verb not in ("create", "get")} == set()


async def test_who_may_not_see_a_tenant_is_told_that_there_is_none(world: World) -> None:
    tenant = await world.make(order(owner_subject="alice", organization="acme"))
    for scope in (EVERYBODY, Scope(subject="alice"), Scope(organization="acme")):
        assert (await usecases.get_tenant(world.tx, scope, tenant.id)).id == tenant.id
    for scope in (Scope(), Scope(subject="bob"), Scope(organization="other")):
        with pytest.raises(UnknownTenant):
            await usecases.get_tenant(world.tx, scope, tenant.id)


def test_platform_admins_and_services_see_everybody_and_people_see_their_own() -> None:
    admin = Principal("root", "user", issuer="https://id/realms/master", groups=("platform-admin",))
    assert scope_of(admin) == EVERYBODY
    assert scope_of(Principal("gateway", "service")) == EVERYBODY
    alice = Principal("alice", "user", issuer="https://id/realms/acme", organization="acme")
    assert scope_of(alice) == Scope(subject="alice", organization="acme")
    assert not scope_of(Principal("", "user")).admits(order())


async def test_pages_follow_each_other_by_number(world: World) -> None:
    for number in range(5):
        await world.take(order(account=f"acc_{number}"))
    found: list[int] = []
    token = ""
    while True:
        page = await usecases.list_tenants(world.tx, EVERYBODY, "", 2, token)
        found += [tenant.number for tenant in page.items]
        token = page.next_token
        if not token:
            break
    assert found == [1, 2, 3, 4, 5]
    with pytest.raises(InvalidArgument):
        await usecases.list_tenants(world.tx, EVERYBODY, "", 2, "nonsense")


def watching(world: World) -> Watching:
    return Watching(world.tx, world.wakeups, SystemClock(), lambda: 0.5, poll=0.05)


async def next_of(tenants: AsyncIterator[Tenant]) -> Tenant:
    async with asyncio.timeout(5):
        return await anext(tenants)


async def test_a_watch_shows_what_stands_and_then_what_changes(world: World) -> None:
    first = await world.make(order(owner_subject="alice"))
    await world.make(order(account="acc_2", owner_subject="bob"))
    async with aclosing(watching(world).tenants(Scope(subject="alice"), "", "")) as seen:
        assert (await next_of(seen)).id == first.id
        await world.make(order(2, OrderedPhase.SUSPENDED, owner_subject="alice"))
        changed = await next_of(seen)
        while changed.phase is not TenantPhase.SUSPENDED:
            changed = await next_of(seen)
        assert changed.id == first.id


async def test_a_watch_hears_of_what_another_replica_wrote(world: World) -> None:
    tenant = await world.make(order())
    other = World(clock=world.clock, cluster=world.cluster, db=world.db)
    async with aclosing(watching(world).tenants(EVERYBODY, "", tenant.id)) as seen:
        assert (await next_of(seen)).phase is TenantPhase.READY
        # Its wake-ups are its own: only the look at the store tells.
        await other.make(order(2, OrderedPhase.SUSPENDED))
        changed = await next_of(seen)
        while changed.phase is not TenantPhase.SUSPENDED:
            changed = await next_of(seen)


async def test_a_watch_of_an_unknown_tenant_is_refused(world: World) -> None:
    async with aclosing(watching(world).tenants(EVERYBODY, "", "ten_none")) as seen:
        with pytest.raises(UnknownTenant):
            await next_of(seen)


def message(generation: int = 1, **others: object) -> orders_pb2.CapacityOrdered:
    found = orders_pb2.CapacityOrdered(
        account="acc_1",
        incarnation=1,
        epoch=1,
        generation=generation,
        phase=subscription_pb2.PHASE_RUNNING,
        plan="c/p",
        capacity=capacity_pb2.Capacity(nothing=capacity_pb2.NothingCapacity(limits={"a": "1"})),
    )
    found.MergeFrom(orders_pb2.CapacityOrdered(**others))  # type: ignore[arg-type] # fields of it
    return found


def fact(content: bytes, type_name: str = ORDERED) -> FactRecord:
    return FactRecord("fct_1", "capacity:acc_1/1", 1, type_name, content)


async def test_an_order_comes_as_a_fact_and_twice_is_once(world: World) -> None:
    intake = OrderIntake(Desk(world.tx, world.cluster, world.names, world.ids, world.clock))
    for _ in range(2):
        await intake.take(fact(message().SerializeToString()), "subscription")
    (tenant,) = world.db.committed(TENANT_ROWS).values()
    assert tenant.order.capacity == NothingCapacity({"a": "1"})
    await intake.take(fact(b"later", "tollgate.later.v1.Thing"), "subscription")
    (parked,) = world.db.committed(PARKED).values()
    assert parked.fact.payload == b"later"


async def test_an_order_that_an_earlier_version_kept_is_taken_by_the_one_that_knows_it(
    world: World,
) -> None:
    intake = OrderIntake(Desk(world.tx, world.cluster, world.names, world.ids, world.clock))
    order_fact = fact(message().SerializeToString())
    await world.tx.run(lambda store: store.keep_unknown(order_fact, "subscription"))
    assert world.db.committed(TENANT_ROWS) == {}
    kept = MemoryTransactions(world.db, MemoryKeptFacts)
    assert await retake(kept, [ORDERED], intake.take) == 1
    (tenant,) = world.db.committed(TENANT_ROWS).values()
    assert tenant.order.capacity == NothingCapacity({"a": "1"})
    assert world.db.committed(PARKED) == {}


async def test_an_order_for_a_closed_incarnation_is_not_delivered_for_ever(world: World) -> None:
    intake = OrderIntake(Desk(world.tx, world.cluster, world.names, world.ids, world.clock))
    deleted = message(2, phase=subscription_pb2.PHASE_DELETED)
    await intake.take(fact(deleted.SerializeToString()), "subscription")
    await intake.take(fact(message(3).SerializeToString()), "subscription")
    (tenant,) = world.db.committed(TENANT_ROWS).values()
    assert tenant.version.generation == 2


@pytest.mark.parametrize(
    "payload",
    [b"\xff\xff", b"", message(incarnation=-1).SerializeToString()],
    ids=["no message", "an empty one", "a bad field"],
)
async def test_what_is_no_order_is_refused_for_good(world: World, payload: bytes) -> None:
    intake = OrderIntake(Desk(world.tx, world.cluster, world.names, world.ids, world.clock))
    with pytest.raises(InvalidArgument):
        await intake.take(fact(payload), "subscription")
    assert world.db.committed(TENANT_ROWS) == {}


async def test_pricing_hears_of_a_tenant_once_something_of_it_stands_and_of_all_after(
    world: World,
) -> None:
    tenant, codec = await world.make(order()), Codec(priced=True)

    def told(tenant: Tenant) -> tuple[str, ...]:
        return codec.fact(Observed(tenant, world.clock.now())).destinations

    both = ("subscription", "pricing")
    assert told(replace(tenant, revision=1, standing=None)) == ("subscription",)
    assert told(replace(tenant, revision=1)) == both
    assert told(replace(tenant, revision=2, standing=None)) == both
    assert told(replace(tenant, revision=3, phase=TenantPhase.DELETED)) == both


async def test_a_fact_says_what_stands_and_is_the_same_for_the_same_revision(world: World) -> None:
    tenant = await world.make(order())
    one, other = (to_fact(Observed(tenant, world.clock.now())) for _ in range(2))
    assert one == other
    assert one.key == f"tenant:{tenant.id}"
    assert one.destinations == ("subscription",)
    said = events_pb2.CapacityObserved.FromString(one.payload)
    assert said.namespace == tenant.namespace
    assert said.capacity.namespace.quota["pods"] == "50"
    kept = order(capacity=OtherCapacity("tenant", b""), account="acc_7")
    failed = await world.make(kept)
    assert not events_pb2.CapacityObserved.FromString(
        to_fact(Observed(failed, world.clock.now())).payload
    ).HasField("capacity")
