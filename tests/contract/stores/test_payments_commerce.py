"""What every store of payments does for selling: operations, pages, customers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import Place, PlaceState
from services.payments.convert import to_fact_record
from services.payments.domain import AccountId, OperationId
from services.payments.ports import Store
from services.payments.store import PgStore
from tests.contract.stores.payments_backend import (
    MIGRATIONS,
    NOON,
    Tx,
    in_memory,
    opened,
)
from tests.integration.postgres_fixture import Database


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[Tx]:
    async with opened(database) as transactions:
        yield transactions


@pytest.fixture(params=["memory", "postgres"])
def tx(request: pytest.FixtureRequest) -> Tx:
    if request.param == "memory":
        return in_memory()
    transactions: Tx = request.getfixturevalue("on_postgres")
    return transactions


def new_operation(name: str = "op_1", **changes: object) -> Operation:
    operation = Operation(
        OperationId(name),
        OperationKind.CHECKOUT,
        AccountId("acc_1"),
        "stripe",
        "acct",
        "tollgate",
        b"",
        b"",
        ask=b'{"asked":1}',
        quote="quo_1",
    )
    return replace(operation, **changes)  # type: ignore[arg-type]  # named by the test


async def test_an_operation_keeps_what_it_was_asked_for_and_since_when(tx: Tx) -> None:
    first = new_operation(result={"refund": "re_1"}, attempt=2)
    await tx.run(lambda store: store.put_operation(first))
    found = await tx.run(lambda store: store.operation(first.id))
    assert found == first
    assert found.key_age == 0
    assert found.create_time is not None
    assert abs(datetime.now(UTC) - found.create_time) < timedelta(minutes=1)


async def test_an_operation_is_written_once_by_whoever_comes_first(tx: Tx) -> None:
    others = [new_operation(ask=str(number).encode()) for number in range(4)]
    written = await asyncio.gather(
        *(tx.run(lambda store, one=one: store.put_operation_once(one)) for one in others)  # type: ignore[misc]  # a default binds early
    )
    assert len({one.ask for one in written}) == 1


async def test_the_first_parameters_stay_and_their_age_is_known(tx: Tx) -> None:
    name = OperationId("op_1")
    await tx.run(lambda store: store.put_operation(new_operation()))
    kept = await tx.run(lambda store: store.prepare_operation(name, b"first", b"1"))
    assert (kept.parameters, kept.parameters_hash, kept.attempt) == (b"first", b"1", 0)
    assert 0 <= kept.key_age < 60
    again = await tx.run(lambda store: store.prepare_operation(name, b"second", b"2"))
    assert again.parameters == b"first"


async def test_what_is_kept_gives_way_once_to_whoever_knew_it(tx: Tx) -> None:
    name = OperationId("op_1")
    await tx.run(lambda store: store.put_operation(new_operation()))
    known = await tx.run(lambda store: store.prepare_operation(name, b"first", b"1"))
    kept = await tx.run(lambda store: store.amend_operation(known, b"second", b"2"))
    assert (kept.parameters, kept.parameters_hash, kept.attempt) == (b"second", b"2", 0)
    assert kept.key_age >= known.key_age
    again = await tx.run(lambda store: store.amend_operation(known, b"third", b"3"))
    assert again.parameters == b"second"


async def test_a_key_is_given_up_once_by_whoever_saw_it(tx: Tx) -> None:
    name = OperationId("op_1")
    await tx.run(lambda store: store.put_operation(new_operation()))
    for _ in range(2):
        renewed = await tx.run(lambda store: store.renew_operation(name, 0))
        assert renewed.attempt == 1
        assert renewed.key == "op_1.1"


async def test_the_first_outcome_of_an_operation_stays(tx: Tx) -> None:
    name = OperationId("op_1")
    await tx.run(lambda store: store.put_operation(new_operation()))
    for state, object_id in ((OperationState.MADE, "cs_1"), (OperationState.ABANDONED, "")):

        async def finish(
            store: Store, state: OperationState = state, object_id: str = object_id
        ) -> None:
            await store.finish_operation(name, state, object_id, {"said": state.value})

        await tx.run(finish)
    found = await tx.run(lambda store: store.operation(name))
    assert found is not None
    assert (found.state, found.object_id) == (OperationState.MADE, "cs_1")
    assert found.result == {"said": "MADE"}


async def test_of_several_that_finish_an_operation_at_once_one_is_told_that_it_did(tx: Tx) -> None:
    name = OperationId("op_1")
    await tx.run(lambda store: store.put_operation(new_operation()))
    all_began = asyncio.Barrier(3)

    async def finish(store: Store) -> bool:
        before = await store.operation(name)
        assert before is not None
        assert before.state is OperationState.STARTED
        await all_began.wait()
        return await store.finish_operation(name, OperationState.MADE, "re_1", {})

    told = await asyncio.gather(*(tx.run(finish) for _ in range(3)))
    assert sorted(told) == [False, False, True]


def new_place(name: str = "op_1", account: str = "acc_1") -> Place:
    return Place(OperationId(name), AccountId(account), "stripe", "acct", "quo_1", b"hash", NOON)


async def start(tx: Tx, *names: str) -> None:
    for name in names:
        await tx.run(lambda store, name=name: store.put_operation(new_operation(name)))  # type: ignore[misc]  # a default binds early


async def test_an_account_has_one_place_whoever_asks_at_once(tx: Tx) -> None:
    names = [f"op_{number}" for number in range(6)]
    await start(tx, *names)
    places = await asyncio.gather(
        *(tx.run(lambda store, name=name: store.take_place(new_place(name))) for name in names)  # type: ignore[misc]  # a default binds early
    )
    assert len({place.operation_id for place in places}) == 1
    await start(tx, "op_other")
    other = await tx.run(lambda store: store.take_place(new_place("op_other", "acc_2")))
    assert other.operation_id == "op_other"


async def test_a_place_that_was_left_is_free_for_others_and_not_taken_back(tx: Tx) -> None:
    await start(tx, "op_1", "op_2")
    await tx.run(lambda store: store.take_place(new_place()))
    await tx.run(lambda store: store.leave_place(OperationId("op_1"), PlaceState.CLOSED))
    await tx.run(lambda store: store.leave_place(OperationId("op_1"), PlaceState.COMPLETE))
    back = await tx.run(lambda store: store.take_place(new_place()))
    assert (back.operation_id, back.state) == ("op_1", PlaceState.CLOSED)
    other = await tx.run(lambda store: store.take_place(new_place("op_2")))
    assert (other.operation_id, other.state) == ("op_2", PlaceState.OPEN)


async def test_a_page_is_found_by_its_operation_and_by_the_providers_id(tx: Tx) -> None:
    await start(tx, "op_1")
    taken = await tx.run(lambda store: store.take_place(new_place()))
    assert taken == new_place()
    later = NOON + timedelta(hours=1)
    await tx.run(lambda store: store.fill_place(OperationId("op_1"), "cs_1", later))
    filled = replace(new_place(), session_id="cs_1", expire_time=later)
    assert await tx.run(lambda store: store.place(OperationId("op_1"))) == filled
    assert await tx.run(lambda store: store.place_of("stripe", "acct", "cs_1")) == filled
    assert await tx.run(lambda store: store.place_of("stripe", "acct_2", "cs_1")) is None
    assert await tx.run(lambda store: store.place_of("stripe", "acct", "")) is None
    assert await tx.run(lambda store: store.place(OperationId("op_2"))) is None


async def test_an_account_has_one_customer_and_a_customer_one_account(tx: Tx) -> None:
    one, two = AccountId("acc_1"), AccountId("acc_2")
    assert await tx.run(lambda store: store.customer_of(one, "stripe", "acct")) == ""
    bound = await asyncio.gather(
        *(
            tx.run(lambda store, name=name: store.bind_customer(one, "stripe", "acct", name))  # type: ignore[misc]  # a default binds early
            for name in ("cus_1", "cus_2", "cus_3")
        )
    )
    assert len(set(bound)) == 1
    (customer,) = set(bound)
    assert await tx.run(lambda store: store.customer_of(one, "stripe", "acct")) == customer
    assert await tx.run(lambda store: store.bind_customer(two, "stripe", "acct", customer)) == ""
    assert await tx.run(lambda s: s.account_of_customer("stripe", "acct", customer)) == one
    assert await tx.run(lambda s: s.account_of_customer("stripe", "acct_2", customer)) == ""


PREVIOUS = """
INSERT INTO operations (id, kind, account_id, provider, provider_account, deployment, parameters,
    parameters_hash, object_id, state)
VALUES ($1, 'checkout', 'acc_1', 'stripe', 'acct', 'tollgate', 'p', 'h', '', 'STARTED')
"""


async def test_the_previous_version_works_on_under_the_new_tables(database: Database) -> None:
    dsns = await database.service("payments")
    await migrate(dsns.owner, "payments", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test")
    try:
        await pool.execute(PREVIOUS, "op_old")
        previous = "SELECT kind, state, object_id FROM operations WHERE id = $1"
        row = await pool.fetchrow(previous, "op_old")
        assert row is not None
        assert tuple(row) == ("checkout", "STARTED", "")
        transactions: Tx = PgTransactions(pool, lambda one: PgStore(one, to_fact_record))
        read = await transactions.run(lambda store: store.operation(OperationId("op_old")))
        assert read is not None
        assert (read.ask, read.quote, read.attempt, read.result) == (b"{}", "", 0, {})
    finally:
        await pool.close()
