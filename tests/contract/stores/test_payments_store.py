"""What every store of payments does, in memory and on PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.idempotency import IdempotencyConflict
from services.chassis.money import Money
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.domain import AccountId, Identity, ObjectRef, OperationId, RootKind
from services.payments.events import (
    Cursor,
    EventState,
    Judgement,
    Sealed,
)
from services.payments.facts import InvoicePaid, Payer
from services.payments.ingest import store_batch
from services.payments.ports import (
    AuditEntry,
    OnceKey,
    PutObject,
    ShownObject,
    Store,
)
from tests.contract.stores.payments_backend import (
    DONE,
    NOON,
    PENDING,
    ROOT,
    Tx,
    event,
    in_memory,
    new_event,
    opened,
    put,
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


INVOICE = ObjectRef(RootKind.INVOICE, "in_1")


async def show(
    tx: Tx, ticket: int, digest: bytes, *refs: ObjectRef, account: str = "acct"
) -> Sequence[PutObject]:
    """Put objects as the fetch of this ticket showed them."""
    shown = [ShownObject(ref, digest, {"status": "paid", "n": [1]}) for ref in refs or (ROOT,)]
    return await tx.run(lambda store: store.put_objects("stripe", account, ticket, shown))


async def test_an_objects_revision_grows_where_a_later_fetch_shows_another(tx: Tx) -> None:
    news = PutObject(1, raised=True)
    assert await show(tx, 3, b"a", ROOT, INVOICE) == [news, news]
    assert await show(tx, 4, b"a", INVOICE) == [PutObject(1)]
    assert await show(tx, 5, b"b") == [PutObject(2, raised=True)]
    assert await show(tx, 6, b"c", account="acct_2") == [news]


async def test_an_earlier_fetch_writes_nothing_over_a_later_one(tx: Tx) -> None:
    await show(tx, 4, b"a")
    assert await show(tx, 3, b"b") == [PutObject(1, overtaken=True)]
    assert await show(tx, 5, b"a") == [PutObject(1)]


async def test_what_one_fetch_wrote_is_no_news_if_its_commit_was_lost(tx: Tx) -> None:
    await show(tx, 3, b"a")
    assert await show(tx, 3, b"a") == [PutObject(1)]


async def test_whoever_puts_an_object_second_sees_what_the_first_wrote(tx: Tx) -> None:
    both_wait = asyncio.Barrier(2)

    async def put(ticket: int, digest: bytes) -> Sequence[PutObject]:
        async def write(store: Store) -> Sequence[PutObject]:
            await both_wait.wait()
            shown = [ShownObject(ROOT, digest, {})]
            found = await store.put_objects("stripe", "acct", ticket, shown)
            await asyncio.sleep(0)
            return found

        return await tx.run(write)

    [[first], [second]] = await asyncio.gather(put(1, b"a"), put(2, b"b"))
    assert second.raised
    assert not second.overtaken
    # Whichever got the row first: the later fetch stands, and nothing was lost of its news.
    assert (first.overtaken, second.revision) in ((False, 2), (True, 1))
    assert await show(tx, 3, b"b") == [PutObject(second.revision)]


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
