"""What every store of payments does, in memory and on PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services import payments
from services.chassis.db import PgTransactions, open_pool
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.migrate import migrate
from services.chassis.money import Money
from services.chassis.transactions import Transactions
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.convert import to_fact_record
from services.payments.domain import AccountId, Identity, ObjectRef, OperationId, RootKind
from services.payments.events import (
    Cursor,
    EventState,
    Judgement,
    NewEvent,
    Sealed,
    StoredEvent,
    VerifiedEvent,
)
from services.payments.facts import InvoicePaid, Payer
from services.payments.ingest import store_batch
from services.payments.ports import (
    AuditEntry,
    FoldStart,
    ObjectRow,
    OnceKey,
    SavedObject,
    Store,
    Turn,
)
from services.payments.store import PgStore
from tests.fakes.chassis import MemoryDatabase, MemoryTransactions
from tests.fakes.payments import MemoryStore
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(payments.__file__).parent / "migrations"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = ObjectRef(RootKind.CHECKOUT, "cs_1")
PENDING, DONE = Judgement(EventState.PENDING), Judgement(EventState.DONE)

Tx = Transactions[Store]


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[Tx]:
    dsns = await database.service("payments")
    await migrate(dsns.owner, "payments", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    yield PgTransactions(pool, lambda connection: PgStore(connection, to_fact_record))
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def tx(request: pytest.FixtureRequest) -> Tx:
    if request.param == "memory":
        return MemoryTransactions(MemoryDatabase(), lambda one: MemoryStore(one, to_fact_record))
    transactions: Tx = request.getfixturevalue("on_postgres")
    return transactions


def new_event(event_id: str = "evt_1", **changes: object) -> NewEvent:
    envelope = VerifiedEvent(
        event_id, "checkout.session.completed", "cs_1", "", False, "v1", NOON, ROOT
    )
    event = NewEvent("stripe", envelope, PENDING, Sealed("key", b"sealed"), NOON, "00-trace")
    return replace(event, **changes)  # type: ignore[arg-type]  # named by the test


async def put(tx: Tx, *events: NewEvent) -> Sequence[bool]:
    return await tx.run(lambda store: store.put_events(events))


async def event(tx: Tx, event_id: str = "evt_1") -> StoredEvent:
    found = await tx.run(lambda store: store.event("stripe", event_id))
    assert found is not None
    return found


async def test_an_event_is_read_back_as_it_was_put(tx: Tx) -> None:
    assert await put(tx, new_event()) == [True]
    found = await event(tx)
    assert found.event == new_event().event
    assert (found.judgement, found.receive_time, found.deliveries) == (PENDING, NOON, 1)
    assert found.traceparent == "00-trace"
    body = await tx.run(lambda store: store.body("stripe", "evt_1"))
    assert body == Sealed("key", b"sealed")


async def test_an_event_that_nobody_handles_has_no_root(tx: Tx) -> None:
    ignored = new_event(event=replace(new_event().event, root=None, object_id=""))
    await put(tx, ignored)
    assert (await event(tx)).event.root is None


async def test_a_known_event_is_counted_and_keeps_what_was_first(tx: Tx) -> None:
    await put(tx, new_event())
    later = new_event(receive_time=NOON + timedelta(hours=1), body=Sealed("k2", b"x"), copies=2)
    assert await put(tx, later, new_event("evt_0")) == [False, True]
    found = await event(tx)
    assert (found.deliveries, found.receive_time) == (3, NOON)
    body = await tx.run(lambda store: store.body("stripe", "evt_1"))
    assert body == Sealed("key", b"sealed")


async def test_the_same_id_of_another_provider_is_another_event(tx: Tx) -> None:
    assert await put(tx, new_event()) == [True]
    assert await put(tx, new_event(provider="whmcs")) == [True]


async def test_batches_that_overlap_and_run_at_once_store_each_event_once(tx: Tx) -> None:
    names = [f"evt_{number}" for number in range(20)]
    batches = [names[start:] + names[:start] for start in range(0, 20, 3)]
    answers = await asyncio.gather(
        *(store_batch(tx, [new_event(name) for name in batch]) for batch in batches)
    )
    assert sum(sum(answer) for answer in answers) == len(names)
    assert {(await event(tx, name)).deliveries for name in names} == {len(batches)}


async def test_a_duplicate_is_called_one_only_after_the_first_has_committed(tx: Tx) -> None:
    inserted, go = asyncio.Event(), asyncio.Event()

    async def slow(store: Store) -> None:
        await store.put_events([new_event()])
        inserted.set()
        await go.wait()

    first = asyncio.ensure_future(tx.run(slow))
    await inserted.wait()
    second = asyncio.ensure_future(put(tx, new_event()))
    done, _ = await asyncio.wait({second}, timeout=0.1)
    assert not done
    go.set()
    await first
    assert await second == [False]


async def test_an_event_whose_first_insert_was_rolled_back_is_new(tx: Tx) -> None:
    async def fail(store: Store) -> None:
        await store.put_events([new_event()])
        raise LookupError

    with pytest.raises(LookupError):
        await tx.run(fail)
    assert await put(tx, new_event()) == [True]


async def test_open_events_are_those_of_the_object_that_are_pending_or_failed(tx: Tx) -> None:
    other = replace(new_event("evt_other").event, root=ObjectRef(RootKind.CHECKOUT, "cs_2"))
    await put(
        tx,
        new_event("evt_b", receive_time=NOON + timedelta(seconds=1)),
        new_event("evt_a", receive_time=NOON + timedelta(seconds=2)),
        new_event("evt_done"),
        new_event("evt_failed"),
        new_event("evt_other", event=other),
    )

    async def settle(store: Store) -> None:
        await store.settle("stripe", ["evt_done"], DONE)
        await store.settle("stripe", ["evt_failed"], Judgement(EventState.FAILED, "WHY"))

    await tx.run(settle)
    found = (await begin(tx)).events
    assert [one.event.id for one in found] == ["evt_failed", "evt_b", "evt_a"]
    assert found[0].judgement == Judgement(EventState.FAILED, "WHY")
    assert len((await begin(tx, 2)).events) == 2


FAST = Turn("endpoint", 100.0)


async def begin(tx: Tx, limit: int = 10, pace: Turn = FAST) -> FoldStart:
    return await tx.single(lambda store: store.begin_fold("stripe", ROOT, limit, pace))


INVOICE = ObjectRef(RootKind.INVOICE, "in_1")


def a_purchase() -> tuple[NewEvent, NewEvent]:
    """A checkout that shows an invoice, and the invoice's own event, which came before it."""
    checkout = new_event(event=replace(new_event().event, shows=(INVOICE,)))
    paid = replace(new_event("evt_2").event, type="invoice.paid", root=INVOICE, follows=True)
    return checkout, new_event(event=paid, receive_time=NOON - timedelta(seconds=1))


async def test_a_fetch_answers_for_the_events_of_what_it_shows_too(tx: Tx) -> None:
    await store_batch(tx, a_purchase())
    found = await begin(tx)
    assert [one.event.id for one in found.events] == ["evt_1", "evt_2"]
    assert found.events[0].event.shows == (INVOICE,)
    assert found.queued == {INVOICE.key: 1}


async def test_what_is_asked_for_after_a_fold_began_stays_queued(tx: Tx) -> None:
    await store_batch(tx, a_purchase())
    found = await begin(tx)
    later = replace(a_purchase()[1].event, id="evt_3")
    await store_batch(tx, [new_event(event=later)])
    await tx.single(lambda store: store.settle("stripe", ["evt_1"], DONE, found.queued))
    again = new_event("evt_4", event=replace(a_purchase()[0].event, id="evt_4"))
    await store_batch(tx, [again])
    assert (await begin(tx)).queued == {INVOICE.key: 2}


async def test_what_was_settled_with_a_purchase_is_no_longer_queued(tx: Tx) -> None:
    await store_batch(tx, a_purchase())
    found = await begin(tx)
    await tx.single(lambda store: store.settle("stripe", ["evt_1"], DONE, found.queued))
    await store_batch(tx, [new_event(event=replace(a_purchase()[0].event, id="evt_4"))])
    assert [one.event.id for one in (await begin(tx)).events] == ["evt_4", "evt_2"]
    assert (await begin(tx)).queued == {}


async def test_a_fold_without_events_takes_no_token(tx: Tx) -> None:
    one_each_second = Turn("endpoint", 1.0)
    assert await begin(tx, pace=one_each_second) == FoldStart()
    await put(tx, new_event())
    assert (await begin(tx, pace=one_each_second)).wait == 0.0
    assert 0.0 < (await begin(tx, pace=one_each_second)).wait <= 1.0


async def test_a_reopened_event_is_replayed_until_it_is_done(tx: Tx) -> None:
    await put(tx, new_event())
    root = ObjectRef(RootKind.INVOICE, "in_1")
    await tx.run(lambda store: store.reopen("stripe", "evt_1", PENDING, root))
    assert (await event(tx)).replay
    assert (await event(tx)).event.root == root
    failed = Judgement(EventState.FAILED, "X")
    await tx.run(lambda store: store.settle("stripe", ["evt_1"], failed))
    assert (await event(tx)).replay
    await tx.run(lambda store: store.settle("stripe", ["evt_1"], DONE))
    assert not (await event(tx)).replay


async def test_pages_go_on_after_the_cursor_newest_first(tx: Tx) -> None:
    await put(
        tx,
        new_event("evt_a"),
        new_event("evt_b"),
        new_event("evt_c", receive_time=NOON - timedelta(seconds=1), judgement=DONE),
    )

    async def names(state: EventState | None, after: Cursor | None) -> list[str]:
        found = await tx.run(lambda store: store.list_events(state, after, 10))
        return [one.event.id for one in found]

    assert await names(None, None) == ["evt_b", "evt_a", "evt_c"]
    assert await names(None, Cursor(NOON, "evt_b")) == ["evt_a", "evt_c"]
    assert await names(EventState.DONE, None) == ["evt_c"]
    assert await names(EventState.PENDING, Cursor(NOON, "evt_a")) == []


async def test_old_bodies_are_dropped_in_portions_and_events_stay(tx: Tx) -> None:
    await put(tx, *(new_event(f"evt_{number}") for number in range(3)))
    before = NOON + timedelta(seconds=1)
    assert await tx.run(lambda store: store.drop_bodies(NOON, 10)) == 0
    assert await tx.run(lambda store: store.drop_bodies(before, 2)) == 2
    assert await tx.run(lambda store: store.drop_bodies(before, 2)) == 1
    assert await tx.run(lambda store: store.body("stripe", "evt_1")) is None
    assert (await event(tx, "evt_2")).event.id == "evt_2"


async def test_tickets_only_grow(tx: Tx) -> None:
    await put(tx, new_event())
    first, second = await begin(tx), await begin(tx)
    assert 0 < first.ticket < second.ticket


async def test_an_object_begins_empty_and_is_read_back_as_saved(tx: Tx) -> None:
    assert await lock(tx) == [ObjectRow(), ObjectRow()]
    row = ObjectRow(3, 7, b"digest")

    async def save(store: Store) -> None:
        await store.lock_objects("stripe", "acct", [ROOT])
        saved = SavedObject(ROOT, row, {"status": "paid", "n": [1]})
        await store.save_objects("stripe", "acct", [saved])

    await tx.run(save)
    assert await lock(tx) == [row, ObjectRow()]
    assert await lock(tx, "acct_2") == [ObjectRow(), ObjectRow()]


async def lock(tx: Tx, account: str = "acct") -> Sequence[ObjectRow]:
    return await tx.run(lambda store: store.lock_objects("stripe", account, [ROOT, INVOICE]))


async def test_whoever_locks_an_object_second_sees_what_the_first_wrote(tx: Tx) -> None:
    async def raise_revision(store: Store) -> None:
        (row,) = await store.lock_objects("stripe", "acct", [ROOT])
        await asyncio.sleep(0)
        raised = replace(row, revision=row.revision + 1)
        await store.save_objects("stripe", "acct", [SavedObject(ROOT, raised, {})])

    await asyncio.gather(*(tx.run(raise_revision) for _ in range(6)))
    assert (await lock(tx))[0].revision == 6


def fact() -> InvoicePaid:
    payer = Payer("stripe", "acct", "cus_1")
    return InvoicePaid("in_1", payer, "manual", Money("eur", 1), NOON, None, None)


async def test_a_money_fact_is_news_once_and_may_be_appended_twice(tx: Tx) -> None:
    async def append(store: Store) -> bool:
        news = await store.record_facts([fact()])
        await store.append([fact()], "")
        return fact().id in news

    assert await tx.run(append)
    assert not await tx.run(append)


async def test_an_operation_is_read_back_and_notes_once_what_it_made(tx: Tx) -> None:
    operation = Operation(
        OperationId("op_1"),
        OperationKind.CHECKOUT,
        AccountId("acc_1"),
        "stripe",
        "acct",
        "tollgate",
        b'{"exact": 1}',
        b"hash",
    )
    await tx.run(lambda store: store.put_operation(operation))
    assert await tx.run(lambda store: store.operation(operation.id)) == operation
    await tx.run(lambda store: store.operation_made(operation.id, "cs_1"))
    await tx.run(lambda store: store.operation_made(operation.id, "cs_2"))
    made = replace(operation, object_id="cs_1", state=OperationState.MADE)
    assert await tx.run(lambda store: store.operation(operation.id)) == made
    assert await tx.run(lambda store: store.operation(OperationId("op_2"))) is None


async def test_a_fact_that_was_recorded_is_known(tx: Tx) -> None:
    assert not await tx.run(lambda store: store.fact_recorded(fact().id))
    await tx.run(lambda store: store.record_facts([fact()]))
    assert await tx.run(lambda store: store.fact_recorded(fact().id))


async def test_tokens_that_are_left_for_others_are_not_taken(tx: Tx) -> None:
    slow = 0.5 * 4
    assert await tx.run(lambda store: store.take_token("c", slow, 1.0)) == 0.0
    wait = await tx.run(lambda store: store.take_token("c", slow, 1.0))
    assert 0 < wait <= 0.5
    assert await tx.run(lambda store: store.take_token("c", slow)) == 0.0


async def test_tokens_run_out_and_say_when_there_is_another(tx: Tx) -> None:
    slow = 0.1 * 20  # Two at once, then one every half second.
    waits = [await tx.run(lambda store: store.take_token("a", slow)) for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert 0 < waits[2] <= 0.5
    assert await tx.run(lambda store: store.take_token("b", slow)) == 0.0


async def test_concurrent_takers_never_take_more_tokens_than_there_are(tx: Tx) -> None:
    began = time.monotonic()
    waits = await asyncio.gather(
        *(tx.run(lambda store: store.take_token("a", 5.0)) for _ in range(12))
    )
    filled_in = 5 * (time.monotonic() - began)
    assert 5 <= waits.count(0.0) <= 5 + filled_in + 1


async def test_an_account_is_pinned_once(tx: Tx) -> None:
    one, two = Identity("acct_1", livemode=False), Identity("acct_2", livemode=True)
    assert await tx.run(lambda store: store.pinned("stripe")) is None
    assert await tx.run(lambda store: store.pin("stripe", one)) == one
    assert await tx.run(lambda store: store.pin("stripe", two)) == one
    assert await tx.run(lambda store: store.pinned("stripe")) == one


async def test_an_idempotency_key_keeps_the_first_answer_and_its_content(tx: Tx) -> None:
    produced: list[str] = []

    async def produce() -> str:
        produced.append("x")
        return "evt_1"

    key = OnceKey("", "root", "ReplayEvent", "key")
    for _ in range(2):
        assert await tx.run(lambda store: store.once(key, b"hash", produce)) == "evt_1"
    assert produced == ["x"]
    with pytest.raises(IdempotencyConflict):
        await tx.run(lambda store: store.once(key, b"other", produce))
    unnamed = replace(key, key="")
    await tx.run(lambda store: store.once(unnamed, b"hash", produce))
    await tx.run(lambda store: store.once(unnamed, b"hash", produce))
    assert len(produced) == 3


async def test_an_audit_entry_is_taken(tx: Tx) -> None:
    entry = AuditEntry("root", "payments.events.replay", "evt_1", "why", "", {"was": "DONE"})
    await tx.run(lambda store: store.audit(entry))
