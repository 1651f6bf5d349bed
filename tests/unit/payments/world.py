"""Payments in one piece, in memory: webhooks in at one end, facts out at the other."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.message import Message

from services.chassis.errors import Refusal
from services.chassis.facts import FactRecord
from services.chassis.money import Money
from services.chassis.queue import Again, Job, Lease
from services.chassis.working import ClaimedKey
from services.payments.convert import to_fact_record
from services.payments.domain import ObjectRef, RootKind
from services.payments.events import Ingested, RawRequest, StoredEvent
from services.payments.folding import Folding
from services.payments.ingest import BytesInFlight, Intake, ingest_events, store_batch
from services.payments.pinning import KeyState
from services.payments.sealing import Sealer
from services.payments.store import QUEUE
from services.payments.views import (
    CheckoutView,
    CustomerView,
    InvoiceView,
    Item,
    Projection,
    SubscriptionStatus,
    SubscriptionView,
)
from services.payments.worker import folds
from tests.fakes.chassis import (
    CommitFate,
    ManualClock,
    MemoryDatabase,
    MemoryOutbox,
    MemoryQueue,
    MemoryTransactions,
)
from tests.fakes.payments import EVENTS, PINNED, MemoryProvider, MemoryStore
from tollgate.payments.v1 import events_pb2

LEASE_SECONDS = 30.0
DEPLOYMENT = "tollgate"
CUSTOMER = CustomerView("cus_1", "ada@example.com", {"user_id": "u1"})
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE = Item("price_1", 1, Money("eur", 4900))


def subscription(**changes: object) -> SubscriptionView:
    view = SubscriptionView("sub_1", SubscriptionStatus.ACTIVE, CUSTOMER, (PRICE,))
    return replace(view, **changes)  # type: ignore[arg-type]  # named by the test


def invoice(**changes: object) -> InvoiceView:
    view = InvoiceView(
        id="in_1",
        paid=True,
        customer=CUSTOMER,
        amount_paid=Money("eur", 4900),
        billing_reason="subscription_create",
        attempts=1,
        subscription_id="sub_1",
        pay_time=NOON,
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # named by the test


def checkout(**changes: object) -> CheckoutView:
    view = CheckoutView(
        id="cs_1",
        paid=True,
        customer=CUSTOMER,
        items=(PRICE,),
        subtotal=Money("eur", 4900),
        total=Money("eur", 4900),
        subscription_id="sub_1",
        invoice_id="in_1",
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # named by the test


CHECKOUT = ObjectRef(RootKind.CHECKOUT, "cs_1")
SUBSCRIPTION = ObjectRef(RootKind.SUBSCRIPTION, "sub_1")
INVOICE = ObjectRef(RootKind.INVOICE, "in_1")


def purchase(view: CheckoutView | None = None) -> Projection:
    """A checkout and everything that it began."""
    return Projection(CHECKOUT, view or checkout(), (invoice(),), subscription())


class World:
    """The service without its edges. ``step`` runs before each statement, ``fate`` at commits."""

    def __init__(
        self,
        step: Callable[[], Awaitable[None]] | None = None,
        fate: Callable[[], CommitFate] = lambda: CommitFate.COMMITTED,
    ) -> None:
        self.clock = ManualClock()
        self.db = MemoryDatabase(self.clock, fate=fate)
        if step is not None:
            self.db.step = step
        self.tx = MemoryTransactions(self.db, lambda tx: MemoryStore(tx, to_fact_record))
        self.provider = MemoryProvider()
        self.key = KeyState()
        self.key.accept(PINNED)
        self.sealer = Sealer([b"k" * 32])
        self.folding = Folding(self.tx, self.provider, self.key, self.sealer, DEPLOYMENT)
        self.queue = MemoryQueue(self.db)
        self.outbox = MemoryOutbox(self.db)
        self.flight = BytesInFlight(1 << 20)

    async def deliver(self, event_id: str, event_type: str, object_id: str) -> Ingested:
        """A webhook comes in."""
        (answer,) = await self.ingest([raw(event_id, event_type, object_id)])
        return answer

    async def ingest(self, requests: list[RawRequest]) -> list[Ingested]:
        """Webhooks come in, in one call."""
        return await ingest_events(self.intake(), requests)

    def intake(self) -> Intake:
        async def commit(event: object) -> bool:
            return (await store_batch(self.tx, [event]))[0]  # type: ignore[list-item]  # as given

        return Intake(self.provider, self.key, self.sealer, self.clock, commit, self.flight)

    async def work(self) -> int:
        """Run every due key once; returns how many that were."""
        ends = self.clock.monotonic() + LEASE_SECONDS
        claimed_keys = await self.queue.claim(QUEUE, 100, LEASE_SECONDS)
        for claimed in claimed_keys:
            await self._run(claimed, ends)
        return len(claimed_keys)

    async def _run(self, claimed: ClaimedKey, ends: float) -> None:
        lease = Lease(self.clock, ends, lambda conn: self.queue.holds(conn, QUEUE, claimed))
        job = Job(claimed.key, claimed.generation, claimed.epoch, claimed.failures, lease)
        try:
            outcome = await folds(self.folding)(job)
        except Refusal as refusal:
            await self.queue.again(QUEUE, claimed, 1.0, refusal.reason)
            return
        if isinstance(outcome, Again):
            await self.queue.again(QUEUE, claimed, outcome.after_seconds, None)
        else:
            await self.queue.finish(QUEUE, claimed)

    async def settle(self) -> None:
        """Work until nothing is due."""
        while await self.work():
            continue

    async def deliver_facts(self) -> None:
        """The consumer takes every fact."""
        while claimed := await self.outbox.claim("subscription", "", 10, 30.0):
            await self.outbox.accepted(claimed)

    def event(self, event_id: str) -> StoredEvent:
        return self.db.committed(EVENTS)[self.provider.name, event_id]

    def facts(self) -> list[FactRecord]:
        return self.outbox.waiting("subscription")

    def fact_types(self) -> list[str]:
        return [fact.type.rpartition(".")[2] for fact in self.facts()]


def raw(event_id: str, event_type: str, object_id: str, **headers: str) -> RawRequest:
    body = f"{event_id} {event_type} {object_id}".encode()
    return RawRequest("memory", "/hook", {"signed": "yes", **headers}, body)


def parsed(fact: FactRecord) -> Message:
    """A fact's payload."""
    message: Message = getattr(events_pb2, fact.type.rpartition(".")[2])()
    message.ParseFromString(fact.payload)
    return message
