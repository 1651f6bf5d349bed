"""What binds, and how events are stored: each test fails once its rule is taken out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.payments.convert import to_fact_record
from services.payments.events import NewEvent, Outcome
from services.payments.ingest import ingest_events, store_batch
from services.payments.providers.stripe.objects import to_checkout, to_subscription
from services.payments.providers.stripe.reading import Node
from services.payments.usecases import drop_old_bodies
from services.payments.views import Marker
from tests.fakes.chassis import MemoryTransactions
from tests.fakes.payments import BODIES, EVENTS, MemoryStore
from tests.unit.payments.world import World, raw

BOUGHT_BY_LINK = {
    "id": "cs_1",
    "status": "complete",
    "payment_status": "paid",
    "mode": "payment",
    "currency": "eur",
    "customer": {"id": "cus_1", "email": "ada@example.com", "metadata": {}},
    "line_items": {"data": [], "has_more": False},
    "metadata": {},
}


@pytest.mark.parametrize("reference", ["acc_victim", "op_1", "u1"])
def test_a_reference_that_a_payment_link_sets_binds_nothing(reference: str) -> None:
    shown = to_checkout(Node({**BOUGHT_BY_LINK, "client_reference_id": reference}, "cs_1"))
    assert shown == to_checkout(Node(BOUGHT_BY_LINK, "cs_1"))
    assert shown.marker is None
    assert shown.customer.identity == {}


def test_what_we_wrote_is_read_from_the_session_and_from_its_subscription() -> None:
    metadata = {
        "tollgate_operation": "op_1",
        "tollgate_deployment": "prod",
        "tollgate_account": "acc_1",
    }
    ours = Marker("op_1", "prod", "acc_1")
    assert to_checkout(Node({**BOUGHT_BY_LINK, "metadata": metadata}, "cs_1")).marker == ours
    subscription = {"id": "sub_1", "status": "active", "items": {"data": []}, "metadata": metadata}
    assert to_subscription(Node(subscription, "sub_1")).marker == ours


async def test_one_event_that_comes_by_several_paths_counts_once() -> None:
    world = World()
    request = raw("evt_1", "checkout.completed", "cs_1")
    outcomes = [
        (await world.ingest([replace(request, path=path)]))[0].outcome
        for path in ("/hook", "/api/hook", "/billing/hook")
    ]
    assert outcomes == [Outcome.STORED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    (stored,) = world.db.committed(EVENTS).values()
    assert stored.deliveries == 3


async def test_a_batch_reaches_the_database_in_the_order_of_its_ids() -> None:
    world = World()
    batch: list[NewEvent] = []
    reached: list[list[str]] = []

    class Noting(MemoryStore):
        async def put_events(
            self, events: Sequence[NewEvent], due_in: Sequence[float | None] = ()
        ) -> Sequence[bool]:
            reached.append([event.event.id for event in events])
            return await super().put_events(events, due_in)

    async def gather(event: NewEvent) -> bool:
        batch.append(event)
        return True

    names = ("evt_3", "evt_1", "evt_2", "evt_1")
    requests = [raw(name, "checkout.completed", "cs_1") for name in names]
    await ingest_events(replace(world.intake(), commit=gather), requests)
    assert [event.event.id for event in batch] == list(names)
    tx = MemoryTransactions(world.db, lambda one: Noting(one, to_fact_record))
    assert await store_batch(tx, batch) == [True, True, True, False]
    assert reached == [["evt_1", "evt_2", "evt_3"]]


async def test_a_body_is_there_for_thirty_days_and_not_much_longer() -> None:
    world = World()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    world.clock.advance(timedelta(days=29).total_seconds())
    await drop_old_bodies(world.tx, world.clock)
    assert len(world.db.committed(BODIES)) == 1
    world.clock.advance(timedelta(days=2).total_seconds())
    await drop_old_bodies(world.tx, world.clock)
    assert world.db.committed(BODIES) == {}
    assert len(world.db.committed(EVENTS)) == 1
