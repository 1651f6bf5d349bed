"""Selling in one piece, in memory: what subscription asks at one end, a provider at the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.chassis.clock import SystemClock
from services.chassis.money import Money
from services.chassis.wakeups import Wakeups
from services.chassis.working import WorkerLoop
from services.payments.binding import Operation
from services.payments.commerce import AccountPage, BilledItem, NewCheckout, NewCustomer
from services.payments.convert import to_fact_record
from services.payments.domain import AccountId, Capabilities
from services.payments.operations import Answers, Asked, Selling
from services.payments.pinning import KeyState
from services.payments.store import OPERATIONS as QUEUE
from services.payments.turns import Turns
from services.payments.usecases import create_checkout
from services.payments.worker import operations
from tests.fakes.chassis import MemoryDatabase, MemoryQueue, MemoryTransactions, SequenceIds
from tests.fakes.payments import PINNED, MemoryProvider, MemoryStore
from tests.fakes.payments_commerce import MemoryCommerce
from tests.fakes.payments_rows import OPERATIONS, PLACES

ACCOUNT = AccountId("acc_1")
LEASE_SECONDS = 5.0


class MovableClock(SystemClock):
    """The machine's clock, ahead by as much as a test says; durations are real."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class SellingWorld:
    """The rows, the provider, and workers that come and go."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.db = MemoryDatabase(self.clock)
        self.wakeups = Wakeups()
        self.tx = MemoryTransactions(
            self.db, lambda tx: MemoryStore(tx, to_fact_record), wakeups=self.wakeups
        )
        self.commerce = MemoryCommerce(now=self.clock.now)
        key = KeyState()
        key.accept(PINNED)
        provider = MemoryProvider(capabilities=Capabilities(checkout=True, webhooks=True))
        self.selling = Selling(
            self.tx, provider, self.commerce, key, "tollgate", self.clock, SequenceIds()
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator["asyncio.Task[None]"]:
        """A worker works within the block; it may be cancelled, as a process is killed."""
        stopping = asyncio.Event()
        loop = WorkerLoop(
            MemoryQueue(self.db),
            QUEUE,
            operations(self.selling),
            wakeups=self.wakeups,
            clock=self.clock,
            lease=LEASE_SECONDS,
            poll=0.05,
        )
        task = asyncio.create_task(loop.run(stopping))
        try:
            yield task
        finally:
            stopping.set()
            await asyncio.wait({task})

    def another_process(self) -> Selling:
        """The same database and provider, seen by a process that hears no answers of this one."""
        return replace(self.selling, answers=Answers(), turns=Turns())

    async def buy(
        self, wanted: NewCheckout | None = None, request_id: str = "", account: str = ACCOUNT
    ) -> AccountPage:
        """Ask for a page."""
        asked = Asked(AccountId(account), "svc", "CreateCheckout", request_id)
        return await create_checkout(self.selling, asked, wanted or self.wanted())

    def wanted(self, price: str = "price_1", **changes: object) -> NewCheckout:
        """A page for one of a price, as its quote says."""
        wanted = NewCheckout(
            items=(BilledItem(price, 1),),
            recurring=True,
            quote="quo_1",
            subtotal=Money("eur", self.commerce.prices[price]),
            expire_time=self.clock.now().replace(microsecond=0) + timedelta(hours=1),
            success_url="https://shop.example.com/done",
            cancel_url="https://shop.example.com/",
            customer=NewCustomer("ada@example.com", {"organization": "acme"}),
        )
        return replace(wanted, **changes)  # type: ignore[arg-type]  # named by the test

    def operations(self) -> list[Operation]:
        """Every operation, oldest first."""
        return list(self.db.committed(OPERATIONS).values())

    def places(self) -> list[str]:
        """The states of the account's pages, oldest first."""
        return [place.state.value for place in self.db.committed(PLACES).values()]
