"""Tenants that stood before pricing was asked for are told to it, once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.chassis.clock import SystemClock
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.facts import FactRecord
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.pricing.costs.convert import from_fact
from services.provisioner import usecases
from services.provisioner.convert import PRICING, Codec
from services.provisioner.domain import Observed, Tenant, TenantPhase
from services.provisioner.introduction.store import PgIntroductionStore
from services.provisioner.introduction.telling import introduce
from services.provisioner.naming import Naming
from tests.integration.postgres_fixture import Database
from tests.unit.provisioner.world import PROFESSIONAL, order

MIGRATIONS = Path(usecases.__file__).parent / "migrations"
THEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
_WAITING = """
SELECT fact_id, fact_key, revision, type, payload, traceparent FROM outbox
WHERE destination = $1 ORDER BY seq"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    dsns = await database.service("provisioner")
    await migrate(dsns.owner, "provisioner", [MIGRATIONS])
    made = await open_pool(dsns.service, application_name="test", max_size=4)
    yield made
    await made.close()


def transactions(pool: Pool, *, priced: bool) -> PgTransactions[PgIntroductionStore]:
    codec = Codec(region="eu-west-1", priced=priced)
    return PgTransactions(pool, lambda one: PgIntroductionStore(one, codec))


async def seen(pool: Pool, account: str, phase: TenantPhase, revision: int) -> Tenant:
    """Let a tenant be seen that many times, while nobody asks what it costs."""
    tx = transactions(pool, priced=False)
    asked = replace(order(capacity=PROFESSIONAL, owner_subject="ada"), account=account)
    taken = await usecases.order_capacity(
        tx, Naming(), RandomIds(), SystemClock(), asked, "service:subscription"
    )
    found = replace(
        taken,
        phase=phase,
        uid="u-1",
        standing=PROFESSIONAL,
        revision=revision,
        update_time=THEN,
    )
    await tx.run(lambda store: store.save_tenant(found))
    return found


async def told(pool: Pool) -> list[FactRecord]:
    rows = await pool.fetch(_WAITING, PRICING)
    return [FactRecord(*row) for row in rows]


async def run(pool: Pool, *, wanted: bool = True) -> None:
    await introduce(transactions(pool, priced=True), PRICING, SystemClock(), wanted=wanted)


async def test_who_is_new_is_told_of_what_stands_and_of_what_is_gone(pool: Pool) -> None:
    stands = await seen(pool, "acc_1", TenantPhase.READY, 3)
    gone = await seen(pool, "acc_2", TenantPhase.DELETED, 8)
    await seen(pool, "acc_3", TenantPhase.PENDING, 0)
    await run(pool)
    facts = await told(pool)
    observed = {one.tenant: one for fact in facts if (one := from_fact(fact)) is not None}
    assert {name: one.revision for name, one in observed.items()} == {stands.id: 3, gone.id: 8}
    one = observed[stands.id]
    assert (one.observe_time, one.user, one.region) == (THEN, "ada", "eu-west-1")
    assert one.capacity is not None
    assert observed[gone.id].capacity is None
    # The fact of a revision is one fact, however it comes to be told.
    ordinary = Codec(priced=True).fact(Observed(stands, THEN))
    assert {fact.id for fact in facts} >= {ordinary.id}


async def test_it_is_told_once_and_again_after_it_was_not_wanted(pool: Pool) -> None:
    await seen(pool, "acc_1", TenantPhase.READY, 1)
    await run(pool)
    await pool.execute("DELETE FROM outbox")
    await run(pool)
    assert await told(pool) == []
    await run(pool, wanted=False)
    await run(pool)
    assert len(await told(pool)) == 1


async def test_who_died_on_the_way_begins_anew_and_doubles_nothing(pool: Pool) -> None:
    for number in range(3):
        await seen(pool, f"acc_{number}", TenantPhase.READY, 1)
    tx = transactions(pool, priced=True)
    await tx.run(lambda store: store.tell(PRICING, "", 2))
    await run(pool)
    await pool.execute("DELETE FROM introductions")
    await run(pool)
    assert len(await told(pool)) == 3
