"""What every store of the provisioner does, in memory and on PostgreSQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.clock import SystemClock
from services.chassis.facts import FactRecord
from services.chassis.ids import RandomIds
from services.provisioner import usecases
from services.provisioner.domain import (
    Capacity,
    Condition,
    NothingCapacity,
    Observed,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    OtherCapacity,
    Scope,
    SubscriptionState,
    Tenant,
    TenantPhase,
    Version,
)
from services.provisioner.naming import Naming
from services.provisioner.ports import AT_ONCE, IN_TURN, TENANTS, Audited, Store
from services.provisioner.store import QUEUE
from tests.contract.stores.provisioner_backend import Backend, backend, on_postgres
from tests.unit.provisioner.organizations import PRO, SUBSCRIBED
from tests.unit.provisioner.world import PROFESSIONAL, order
from tollgate.common.v1 import capacity_pb2

__all__ = ["backend", "on_postgres"]

EVERYBODY = Scope(everybody=True)
ADDED = Audited("service:subscription", "set-capacity", "ten_1", "order 1/1")
NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)


async def take(backend: Backend, one: Order) -> Tenant:
    """Take an order through the use case."""
    return await usecases.order_capacity(
        backend.tx, Naming(), RandomIds(), SystemClock(), one, "service:subscription"
    )


async def add(backend: Backend, tenant: Tenant) -> Tenant | None:
    """Add a tenant by one statement."""
    return await backend.tx.single(lambda store: store.add_tenant(tenant, ADDED))


async def read(backend: Backend, tenant_id: str) -> Tenant | None:
    """Read a tenant."""
    return await backend.tx.run(lambda store: store.get_tenant(tenant_id))


async def seen(backend: Backend, scope: Scope, account: str = "", after: int = 0) -> list[int]:
    """Return the numbers that a scope sees."""
    found = await backend.tx.run(lambda store: store.list_tenants(scope, account, after, 100))
    return [tenant.number for tenant in found]


CAPACITIES: list[Capacity] = [
    PROFESSIONAL,
    NothingCapacity({"storage": "5GB"}),
    PRO,
    OrganizationCapacity(quota={"pods": "1"}),
    OtherCapacity(
        "tenant",
        capacity_pb2.Capacity(
            tenant=capacity_pb2.TenantCapacity(chart="shop", values={"a": "1"}, database=True)
        ).SerializeToString(deterministic=True),
    ),
]


@pytest.mark.parametrize("capacity", CAPACITIES, ids=lambda one: type(one).__name__)
async def test_a_tenant_reads_back_as_it_was_written(backend: Backend, capacity: Capacity) -> None:
    taken = await take(
        backend,
        order(
            capacity=capacity,
            owner_subject="alice",
            organization="acme",
            paid_until=NOON,
            receive_time=NOON - timedelta(seconds=1),
            subscription=SUBSCRIBED,
        ),
    )
    assert taken.order.subscription == SUBSCRIBED
    condition = Condition("Isolated", "True", "ReadBack", "as it should be", NOON)
    changed = replace(
        taken,
        phase=TenantPhase.READY,
        reason="SOMETHING",
        uid="u-1",
        claim="clm_2",
        attempt=3,
        standing=PROFESSIONAL,
        observed_generation=1,
        conditions=(condition,),
        ready_time=NOON,
        update_time=NOON,
        revision=7,
    )

    async def work(store: Store) -> Tenant:
        await store.lock_tenant(taken.id)
        return await store.save_tenant(changed)

    saved = await backend.tx.run(work)
    assert saved == replace(changed, change=taken.change + 1)
    assert await read(backend, taken.id) == saved


async def test_what_an_order_tells_of_its_subscription_is_kept_whole(backend: Backend) -> None:
    told = replace(
        SUBSCRIBED,
        state=SubscriptionState.SUSPENDED,
        addons=(("kube-dc/turbo-x1", 2), ("kube-dc/turbo-x2", 1)),
        provider="whmcs",
        suspend_time=NOON,
        trial_end_time=NOON + timedelta(days=14),
    )
    taken = await take(backend, order(organization="acme", subscription=told))
    assert taken.order.subscription == told
    newer = await take(backend, order(2, organization="acme"))
    assert newer.order.subscription is None


async def test_an_orders_trace_is_kept_and_the_next_orders_after_it(backend: Backend) -> None:
    first, second = (
        replace(order(generation), traceparent=f"00-{'1' * 32}-{'2' * 16}-0{generation}")
        for generation in (1, 2)
    )
    for one in (first, second):
        tenant = await take(backend, one)
        assert tenant.order.traceparent == one.traceparent
        kept = await read(backend, tenant.id)
        assert kept is not None
        assert kept.order.traceparent == one.traceparent


async def test_tenants_are_found_by_their_organizations_until_they_are_gone(
    backend: Backend,
) -> None:
    first = await take(backend, order(account="acc_1", organization="acme"))
    await take(backend, order(account="acc_2"))
    second = await take(backend, order(account="acc_3", organization="other"))
    third = await take(backend, order(account="acc_4", organization="acme"))

    async def found(*names: str) -> list[str]:
        tenants = await backend.tx.run(lambda store: store.of_organizations(names))
        return [tenant.id for tenant in tenants]

    assert await found("acme") == [first.id, third.id]
    assert await found("acme", "other", "nobody") == [first.id, second.id, third.id]
    assert await found() == []
    assert await found("") == []

    async def end(store: Store) -> None:
        locked = await store.lock_tenant(first.id)
        assert locked is not None
        await store.save_tenant(replace(locked, phase=TenantPhase.DELETED, observed_generation=1))

    await backend.tx.run(end)
    assert await found("acme") == [third.id]


async def test_orders_win_by_epoch_then_generation_and_older_ones_change_nothing(
    backend: Backend,
) -> None:
    await take(backend, order(5, epoch=1, plan="a/five"))
    for older in (order(5, epoch=1, plan="a/again"), order(4, epoch=1), order(1, epoch=1)):
        kept = await take(backend, older)
        assert (kept.order.plan, kept.version) == ("a/five", Version(1, 5))
    newer = await take(backend, order(1, epoch=2, plan="a/restored"))
    assert newer.order.plan == "a/restored"
    assert (await take(backend, order(99, epoch=1))).version == Version(2, 1)


async def test_numbers_count_from_one_in_the_order_of_commits(backend: Backend) -> None:
    tenants = await asyncio.gather(*(take(backend, order(account=f"acc_{n}")) for n in range(8)))
    assert sorted(tenant.number for tenant in tenants) == list(range(1, 9))
    assert await seen(backend, EVERYBODY) == list(range(1, 9))


async def test_what_stands_already_by_its_incarnation_or_its_name_is_not_added_and_numbers_nothing(
    backend: Backend,
) -> None:
    stands = await take(backend, order(account="acc_0"))
    namesake = replace(stands, id="ten_1", order=order(account="acc_1"))
    for known in (stands, replace(stands, namespace=""), namesake):
        assert await add(backend, known) is None
    assert (await take(backend, order(account="acc_2"))).number == stands.number + 1


async def test_an_accounts_first_order_gets_the_next_name_if_somebody_has_its_own(
    backend: Backend,
) -> None:
    names = Naming()
    first, _ = names.candidate(usecases.tenant_id("acc_2", 1), 0)
    other = replace(await take(backend, order(account="acc_1")), namespace=first)

    async def rename(store: Store) -> Tenant:
        await store.lock_tenant(other.id)
        return await store.save_tenant(other)

    await backend.tx.run(rename)
    named = await take(backend, order(account="acc_2"))
    assert named.namespace == names.candidate(named.id, 1)[0]
    assert await read(backend, named.id) == named


async def test_no_number_is_committed_while_a_smaller_one_is_not(backend: Backend) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    model = await take(backend, order(account="acc_0"))

    def other(name: str) -> Tenant:
        return replace(model, id=f"ten_{name}", namespace="", order=order(account=f"acc_{name}"))

    async def first(store: Store) -> None:
        await store.add_tenant(other("1"), ADDED)
        entered.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(backend.tx.run(first))
        await entered.wait()
        second = group.create_task(
            backend.tx.run(lambda store: store.add_tenant(other("2"), ADDED))
        )
        done, _ = await asyncio.wait([second], timeout=0.05)
        assert not done
        assert await seen(backend, EVERYBODY) == [1]
        go_on.set()
    assert await seen(backend, EVERYBODY) == [1, 2, 3]


async def test_the_same_incarnation_taken_at_once_is_one_tenant(backend: Backend) -> None:
    generations = [3, 1, 2, 5, 4, 5, 1]
    await asyncio.gather(*(take(backend, order(n)) for n in generations))
    found = await backend.tx.run(lambda store: store.list_tenants(EVERYBODY, "", 0, 10))
    assert [tenant.version.generation for tenant in found] == [5]


async def test_each_incarnation_has_a_tenant_and_a_name_of_its_own(backend: Backend) -> None:
    first = await take(backend, order())
    second = await take(backend, order(2, incarnation=2))
    assert first.id != second.id
    assert first.namespace != second.namespace
    assert await backend.tx.run(lambda store: store.name_taken(first.namespace))
    assert not await backend.tx.run(lambda store: store.name_taken("customer-free"))


async def test_a_name_stays_taken_when_its_tenant_is_gone(backend: Backend) -> None:
    first = await take(backend, order())
    await take(backend, order(2, OrderedPhase.DELETED))
    assert await backend.tx.run(lambda store: store.name_taken(first.namespace))


async def test_a_scope_sees_its_own_and_no_more(backend: Backend) -> None:
    await take(backend, order(account="acc_1", owner_subject="alice"))
    await take(backend, order(account="acc_2", owner_subject="bob", organization="acme"))
    await take(backend, order(account="acc_3"))
    assert await seen(backend, EVERYBODY) == [1, 2, 3]
    assert await seen(backend, EVERYBODY, account="acc_2") == [2]
    assert await seen(backend, EVERYBODY, after=1) == [2, 3]
    assert await seen(backend, Scope(subject="alice")) == [1]
    assert await seen(backend, Scope(subject="carol", organization="acme")) == [2]
    # Nobody's tenants belong to nobody: an empty name matches none.
    assert await seen(backend, Scope()) == []


async def test_what_was_written_lately_is_found(backend: Backend) -> None:
    taken = await take(backend, order())
    recent = await backend.tx.run(lambda store: store.changed_within(EVERYBODY, "", 30.0))
    assert [tenant.id for tenant in recent] == [taken.id]
    none = await backend.tx.run(lambda store: store.changed_within(Scope(subject="x"), "", 30.0))
    assert list(none) == []


async def test_tenants_that_are_gone_for_good_are_looked_at_no_more(backend: Backend) -> None:
    taken = await take(backend, order())
    other = await take(backend, order(account="acc_2"))
    await take(backend, order(2, OrderedPhase.DELETED))

    async def ids(after: str = "", limit: int = 10) -> Sequence[str]:
        return [one.id for one in await backend.tx.run(lambda store: store.page(after, limit))]

    both = sorted([taken.id, other.id])
    assert list(await ids()) == both
    these = [other.id, taken.id, "ten_of_nobody"]
    found = await backend.tx.single(lambda store: store.tenants(these))
    assert [one.id for one in found] == both
    assert list(await ids(limit=1)) == both[:1]
    assert list(await ids(after=both[0])) == both[1:]

    async def gone(store: Store) -> None:
        now = await store.lock_tenant(taken.id)
        assert now is not None
        await store.save_tenant(replace(now, phase=TenantPhase.DELETED, observed_generation=2))

    await backend.tx.run(gone)
    assert list(await ids()) == [other.id]


async def test_an_order_is_queued_audited_and_heard_of_in_its_own_transaction(
    backend: Backend,
) -> None:
    before = backend.wakeups.seen(TENANTS)
    taken = await take(backend, order())
    assert (await backend.keys()) == [taken.id]
    assert (await backend.audited()) == ["set-capacity"]
    assert backend.wakeups.seen(TENANTS) > before
    await take(backend, order())
    assert (await backend.audited()) == ["set-capacity"]


async def test_what_a_failed_transaction_wrote_is_not_there(backend: Backend) -> None:
    taken = await take(backend, order())

    async def fails(store: Store) -> None:
        now = await store.lock_tenant(taken.id)
        assert now is not None
        saved = await store.save_tenant(replace(now, revision=1))
        await store.append(Observed(saved, NOON))
        await store.audit(Audited("a", "b", taken.id, "c"))
        raise LookupError("no")

    with pytest.raises(LookupError):
        await backend.tx.run(fails)
    assert (await backend.facts()) == []
    assert await read(backend, taken.id) == taken


async def test_a_fact_goes_out_under_the_key_of_its_tenant(backend: Backend) -> None:
    taken = await take(backend, order())
    told = Observed(replace(taken, revision=1, phase=TenantPhase.READY), NOON)
    await backend.tx.run(lambda store: store.append(told))
    await backend.tx.run(lambda store: store.append(told))
    assert (await backend.facts()) == [f"tenant:{taken.id}"]


async def test_a_fact_of_an_unknown_type_is_kept_once(backend: Backend) -> None:
    fact = FactRecord("fct_1", "key", 1, "tollgate.later.v1.Thing", b"payload")
    await backend.tx.run(lambda store: store.keep_unknown(fact, "subscription"))
    await backend.tx.run(lambda store: store.keep_unknown(fact, "subscription"))
    assert (await backend.keys()) == []


async def test_a_locked_tenant_is_waited_for(backend: Backend) -> None:
    taken = await take(backend, order())
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(store: Store) -> None:
        now = await store.lock_tenant(taken.id)
        assert now is not None
        entered.set()
        await leave.wait()
        await store.save_tenant(replace(now, reason="SLOW"))

    async def quick(store: Store) -> str:
        now = await store.lock_tenant(taken.id)
        assert now is not None
        return now.reason

    async with asyncio.TaskGroup() as group:
        group.create_task(backend.tx.run(slow))
        await entered.wait()
        second = group.create_task(backend.tx.run(quick))
        await asyncio.sleep(0)
        leave.set()
    assert second.result() == "SLOW"


async def test_whoever_has_paid_is_looked_at_before_those_of_whom_there_is_only_news(
    backend: Backend,
) -> None:
    news = [f"ten_news{number}" for number in range(3)]
    await backend.tx.run(lambda store: store.enqueue(news, IN_TURN))
    first = await take(backend, order())
    later = await take(backend, order(2))
    assert later.id == first.id
    (claimed,) = await backend.queue.claim(QUEUE, 1, 30.0)
    assert claimed.key == first.id
    drifted = news[2]
    await backend.tx.run(lambda store: store.enqueue([drifted], AT_ONCE))
    found = await backend.queue.claim(QUEUE, 3, 30.0)
    assert [one.key for one in found] == [drifted, *news[:2]]
