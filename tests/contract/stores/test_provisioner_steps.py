"""Steps of a run, each written by one statement: only over the row as it was read."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.chassis.clock import SystemClock
from services.chassis.ids import RandomIds
from services.provisioner import usecases
from services.provisioner.domain import Condition, Observed, Order, Tenant, TenantPhase, Version
from services.provisioner.errors import Superseded
from services.provisioner.naming import Naming
from services.provisioner.ports import TENANTS, Store
from services.provisioner.progress import Record
from tests.contract.stores.provisioner_backend import Backend, backend, on_postgres
from tests.unit.provisioner.organizations import SUBSCRIBED
from tests.unit.provisioner.world import PROFESSIONAL, order

__all__ = ["backend", "on_postgres"]

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)


async def take(backend: Backend, one: Order) -> Tenant:
    """Take an order through the use case."""
    return await usecases.order_capacity(
        backend.tx, Naming(), RandomIds(), SystemClock(), one, "service:subscription"
    )


async def read(backend: Backend, tenant_id: str) -> Tenant | None:
    """Read a tenant by a single statement."""
    return await backend.tx.single(lambda store: store.get_tenant(tenant_id))


def ready(tenant: Tenant) -> Tenant:
    """Everything that a run may change of a tenant."""
    return replace(
        tenant,
        phase=TenantPhase.READY,
        reason="SOMETHING",
        namespace="customer-other",
        uid="u-1",
        claim="clm_2",
        attempt=3,
        standing=PROFESSIONAL,
        observed_generation=1,
        conditions=(Condition("Isolated", "True", "ReadBack", "as it should be", NOON),),
        ready_time=NOON,
        update_time=NOON,
        revision=tenant.revision + 1,
    )


async def save(backend: Backend, after: Tenant, fact: Observed | None = None) -> Tenant | None:
    """Save by a single statement."""
    return await backend.tx.single(lambda store: store.save_if_unchanged(after, fact))


async def test_a_step_reads_back_as_it_was_written(backend: Backend) -> None:
    taken = await take(backend, order(organization="acme", subscription=SUBSCRIBED))
    before = backend.wakeups.seen(TENANTS)
    saved = await save(backend, ready(taken))
    assert saved == replace(ready(taken), change=taken.change + 1)
    assert await read(backend, taken.id) == saved
    assert backend.wakeups.seen(TENANTS) > before
    assert await backend.facts() == []


async def test_a_step_and_its_fact_are_written_together(backend: Backend) -> None:
    taken = await take(backend, order())
    heard = backend.wakeups.seen("outbox:subscription")
    after = ready(taken)
    saved = await save(backend, after, Observed(after, NOON))
    assert await read(backend, taken.id) == saved
    assert await backend.facts() == [f"tenant:{taken.id}"]
    assert backend.wakeups.seen("outbox:subscription") > heard


async def test_a_row_that_was_written_meanwhile_is_left_alone_and_nothing_is_told(
    backend: Backend,
) -> None:
    taken = await take(backend, order())
    newer = await take(backend, order(2))
    after = ready(taken)
    assert await save(backend, after) is None
    assert await save(backend, after, Observed(after, NOON)) is None
    assert await read(backend, taken.id) == newer
    assert await backend.facts() == []


async def test_a_step_never_writes_an_order(backend: Backend) -> None:
    taken = await take(backend, order())
    elsewhere = replace(ready(taken), order=order(9, plan="sessions/other"))
    await save(backend, elsewhere)
    now = await read(backend, taken.id)
    assert now is not None
    assert now.order == taken.order


async def test_the_order_in_force_is_told_as_it_was_committed(backend: Backend) -> None:
    async def version(tenant_id: str) -> Version | None:
        return await backend.tx.single(lambda store: store.version_of(tenant_id))

    taken = await take(backend, order(epoch=2))
    assert await version(taken.id) == Version(2, 1)
    await take(backend, order(2, epoch=2))
    assert await version(taken.id) == Version(2, 2)
    assert await version("ten_nobody") is None


@pytest.mark.parametrize("writes", [False, True])
async def test_a_step_waits_for_who_has_the_row_and_its_fact_comes_after_theirs(
    backend: Backend, writes: bool
) -> None:
    """Rule 7: a fact is numbered under the lock of its tenant."""
    taken = await take(backend, order())
    other = await take(backend, order(account="acc_other"))
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(store: Store) -> None:
        now = await store.lock_tenant(taken.id)
        assert now is not None
        entered.set()
        await leave.wait()
        # Under the key of another tenant, to be told apart.
        await store.append(Observed(replace(other, revision=1), NOON))
        if writes:
            await store.save_tenant(replace(now, reason="SLOW"))

    after = ready(taken)
    async with asyncio.TaskGroup() as group:
        group.create_task(backend.tx.run(slow))
        await entered.wait()
        second = group.create_task(save(backend, after, Observed(after, NOON)))
        done, _ = await asyncio.wait([second], timeout=0.05)
        assert not done
        leave.set()
    first = f"tenant:{other.id}"
    if writes:
        assert second.result() is None
        assert await backend.facts() == [first]
    else:
        assert second.result() is not None
        assert await backend.facts() == [first, f"tenant:{taken.id}"]


async def test_of_two_steps_on_the_same_row_one_is_written(backend: Backend) -> None:
    taken = await take(backend, order())
    after = ready(taken)
    both = await asyncio.gather(*(save(backend, after, Observed(after, NOON)) for _ in range(2)))
    assert sum(one is not None for one in both) == 1
    assert await backend.facts() == [f"tenant:{taken.id}"]


async def test_a_step_looks_again_where_the_row_was_written_but_not_ordered_anew(
    backend: Backend,
) -> None:
    record = Record(backend.tx, SystemClock())
    taken = await take(backend, order())
    await record.step(taken, lambda now: replace(now, uid="u-1"))
    late = await record.step(taken, lambda now: replace(now, claim="clm_late"))
    assert (late.uid, late.claim) == ("u-1", "clm_late")
    assert await read(backend, taken.id) == late


async def test_a_step_for_an_order_that_is_not_in_force_any_more_is_refused(
    backend: Backend,
) -> None:
    record = Record(backend.tx, SystemClock())
    taken = await take(backend, order())
    newer = await take(backend, order(2))
    with pytest.raises(Superseded):
        await record.step(taken, lambda now: replace(now, uid="u-1"))
    with pytest.raises(Superseded):
        await record.step(taken, lambda now: now)
    with pytest.raises(Superseded):
        await record.still_ordered(taken)
    await record.still_ordered(newer)
    assert await read(backend, taken.id) == newer
