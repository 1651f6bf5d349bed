"""How every store of payments begins a fetch: what it answers for, its turn and its ticket."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.db import PgTransactions
from services.payments.domain import ObjectRef, RootKind
from services.payments.events import EventState, Judgement, NewEvent
from services.payments.ingest import FOLLOWING_SECONDS, store_batch
from services.payments.ports import FoldStart, Store, Turn
from tests.contract.stores.payments_backend import (
    DONE,
    NOON,
    ROOT,
    Tx,
    in_memory,
    new_event,
    opened,
    put,
)
from tests.integration.postgres_fixture import Database

FAST = Turn("endpoint", 100.0)
INVOICE = ObjectRef(RootKind.INVOICE, "in_1")


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


async def begin(tx: Tx, limit: int = 10, pace: Turn = FAST) -> FoldStart:
    return await tx.single(lambda store: store.begin_fold("stripe", ROOT, limit, pace))


def a_purchase() -> tuple[NewEvent, NewEvent]:
    """A checkout that shows an invoice, and the invoice's own event, which came before it."""
    checkout = new_event(event=replace(new_event().event, shows=(INVOICE,)))
    paid = replace(new_event("evt_2").event, type="invoice.paid", root=INVOICE, follows=True)
    return checkout, new_event(event=paid, receive_time=NOON - timedelta(seconds=1))


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


async def test_a_fetch_answers_for_the_events_of_what_it_shows_too(tx: Tx) -> None:
    await store_batch(tx, a_purchase())
    found = await begin(tx)
    assert [one.event.id for one in found.events] == ["evt_1", "evt_2"]
    assert found.events[0].event.shows == (INVOICE,)
    assert found.queued.keys() == {INVOICE.key}


async def test_what_is_asked_for_after_a_fold_began_stays_queued(tx: Tx) -> None:
    await store_batch(tx, a_purchase())
    found = await begin(tx)
    later = replace(a_purchase()[1].event, id="evt_3")
    await store_batch(tx, [new_event(event=later)])
    await tx.single(lambda store: store.settle("stripe", ["evt_1"], DONE, found.queued))
    again = new_event("evt_4", event=replace(a_purchase()[0].event, id="evt_4"))
    await store_batch(tx, [again])
    assert (await begin(tx)).queued.keys() == {INVOICE.key}


async def test_what_was_settled_with_a_purchase_is_no_longer_queued(tx: Tx) -> None:
    await store_batch(tx, a_purchase())
    found = await begin(tx)
    await tx.single(lambda store: store.settle("stripe", ["evt_1"], DONE, found.queued))
    await store_batch(tx, [new_event(event=replace(a_purchase()[0].event, id="evt_4"))])
    assert [one.event.id for one in (await begin(tx)).events] == ["evt_4", "evt_2"]
    assert (await begin(tx)).queued == {}


async def test_what_was_queued_anew_during_a_fold_is_not_taken_for_what_it_saw(tx: Tx) -> None:
    """The invoice is handled elsewhere, its key goes, and a new event brings it back."""
    await store_batch(tx, a_purchase())
    slow, fast = await begin(tx), await begin(tx)
    await tx.single(lambda store: store.settle("stripe", ["evt_2"], DONE, fast.queued))
    later = replace(a_purchase()[1].event, id="evt_3")
    await store_batch(tx, [new_event("evt_3", event=later)])
    await tx.single(lambda store: store.settle("stripe", ["evt_1"], DONE, slow.queued))
    await store_batch(tx, [new_event("evt_4", event=replace(a_purchase()[0].event, id="evt_4"))])
    assert (await begin(tx)).queued.keys() == {INVOICE.key}


async def test_a_fold_without_events_takes_no_token(tx: Tx) -> None:
    one_each_second = Turn("endpoint", 1.0)
    assert await begin(tx, pace=one_each_second) == FoldStart()
    await put(tx, new_event())
    assert (await begin(tx, pace=one_each_second)).wait == 0.0
    assert 0.0 < (await begin(tx, pace=one_each_second)).wait <= 1.0


async def test_tickets_only_grow(tx: Tx) -> None:
    await put(tx, new_event())
    first, second = await begin(tx), await begin(tx)
    assert 0 < first.ticket < second.ticket


async def test_a_fetch_that_answers_for_no_events_draws_a_ticket_like_any_other(tx: Tx) -> None:
    await put(tx, new_event())
    before = await begin(tx)
    found = await tx.single(lambda store: store.begin_fetch(FAST))
    after = await begin(tx)
    assert (found.events, found.wait, found.queued) == ((), 0.0, {})
    assert before.ticket < found.ticket < after.ticket


async def test_a_fetch_without_events_is_not_begun_without_a_token(tx: Tx) -> None:
    one_each_second = Turn("endpoint", 1.0)
    assert (await tx.single(lambda store: store.begin_fetch(one_each_second))).ticket
    refused = await tx.single(lambda store: store.begin_fetch(one_each_second))
    assert refused.ticket == 0
    assert 0.0 < refused.wait <= 1.0


# All of one statement: the first of them is due at its begin.
_ASKED = """
SELECT key, priority, extract(epoch FROM due_at - min(due_at) OVER ())::float8
FROM reconcile_queue ORDER BY key
"""


async def test_an_object_is_asked_for_when_the_first_of_its_new_events_wants_it(
    database: Database,
) -> None:
    checkout, follows = a_purchase()
    at_once = replace(follows.event, id="evt_3", follows=False)
    other = ObjectRef(RootKind.INVOICE, "in_2")
    alone = new_event(event=replace(follows.event, id="evt_4", object_id="in_2", root=other))
    done = new_event(event=replace(alone.event, id="evt_5"), judgement=DONE)
    async with opened(database) as tx:
        assert isinstance(tx, PgTransactions)
        await store_batch(tx, [checkout, follows, alone, new_event(event=at_once), done])
        rows = await tx._pool.fetch(_ASKED)
        assert [tuple(row) for row in rows] == [
            (ROOT.key, ROOT.priority, 0.0),
            (INVOICE.key, INVOICE.priority, 0.0),
            (other.key, other.priority, FOLLOWING_SECONDS),
        ]
        await tx._pool.execute("DELETE FROM reconcile_queue")
        assert await store_batch(tx, [checkout, done]) == [False, False]
        assert await tx._pool.fetch(_ASKED) == []
