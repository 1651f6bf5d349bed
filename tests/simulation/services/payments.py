"""A replica of payments, on the simulation's provider."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from services.chassis.groupcommit import GroupCommit
from services.chassis.relaying import RelayLoop
from services.chassis.sink import FactSinkClient
from services.chassis.working import Handle, WorkerLoop
from services.payments.access import ACCESS
from services.payments.convert import DESTINATIONS
from services.payments.events import NewEvent
from services.payments.folding import FETCHES_PER_SECOND, Folding
from services.payments.ingest import BytesInFlight, Intake, ingest_events, store_batch
from services.payments.operations import Selling
from services.payments.pinning import KeyState, check_key
from services.payments.ports import Commerce, Pace, Provider
from services.payments.sealing import KEY_BYTES, Sealer
from services.payments.sending import shared_pace
from services.payments.servicer import SERVICE, PaymentsServicer, Served
from services.payments.store import OPERATIONS, QUEUE
from services.payments.usecases import drop_old_bodies
from services.payments.worker import folds, keep_house, operations, verify_key
from tests.simulation.engine.randomness import SimClock
from tests.simulation.services.replica import Compose, Replica
from tollgate.payments.v1.payments_service_pb2_grpc import add_PaymentsServiceServicer_to_server

DEPLOYMENT = "tollgate"
_AT_ONCE = 8
_LEASE = 10.0
_BYTES = 32 << 20
_SEALER = Sealer((bytes(KEY_BYTES),))
_DAYS = 10 * 24.0
"""The chores of every hour are done every ten days: what they drop is thirty days old."""


class _SlowClock(SimClock):
    """The clock of the chores, which has fewer hours."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait for days instead of hours."""
        return super().sleep(seconds * _DAYS)


def payments(provider: Provider, sell: Callable[[Pace], Commerce]) -> Compose:
    """Return the composition of payments; ``sell`` gives what is sold through at a shared pace."""

    async def compose(replica: Replica) -> None:
        await _serve(replica, provider, sell)

    return compose


async def _serve(replica: Replica, provider: Provider, sell: Callable[[Pace], Commerce]) -> None:
    clock, net, tx = replica.clock, replica.platform.net, replica.rows.tx
    key = KeyState()
    commerce = sell(shared_pace(tx, provider.name, clock, FETCHES_PER_SECOND))
    selling = Selling(tx, provider, commerce, key, DEPLOYMENT, clock, replica.ids)
    folding = Folding(tx, provider, key, _SEALER, DEPLOYMENT)
    drained = asyncio.Event()
    commits: GroupCommit[NewEvent, bool] = GroupCommit(
        partial(store_batch, tx),
        key=lambda event: event.event.id,
        size=lambda event: len(event.body.blob),
        max_bytes=_BYTES,
    )
    replica.work.create_task(commits.run(drained))
    intake = Intake(provider, key, _SEALER, clock, commits.enter, BytesInFlight(_BYTES))
    livemode = False
    check = partial(check_key, tx, provider, "", livemode, key)
    replica.loops.create_task(verify_key(check, key, clock))
    _start_worker(replica, QUEUE, folds(folding))
    _start_worker(replica, OPERATIONS, operations(selling))
    for destination in DESTINATIONS:
        channel: Any = replica.channel(destination)
        relay = RelayLoop(
            replica.rows.outbox,
            destination,
            FactSinkClient(channel).deliver,
            wakeups=replica.wakeups,
            clock=clock,
            jitter=replica.jitter,
        )
        replica.work.create_task(relay.run(replica.stopping))
    slow = _SlowClock(replica.platform.loop)
    chores = partial(_chores, partial(drop_old_bodies, tx, clock))
    replica.loops.create_task(keep_house(chores, slow, replica.stopping))
    served = Served(tx, provider, key, partial(ingest_events, intake), selling, replica.metrics)
    servicer = (add_PaymentsServiceServicer_to_server, PaymentsServicer(served), SERVICE)
    net.serve([servicer], ACCESS)
    await replica.stopping.wait()
    net.leave()
    drained.set()


def _start_worker(replica: Replica, queue: str, handle: Handle) -> None:
    worker = WorkerLoop(
        replica.rows.queue,
        queue,
        handle,
        wakeups=replica.wakeups,
        clock=replica.clock,
        concurrency=_AT_ONCE,
        lease=_LEASE,
        jitter=replica.jitter,
    )
    replica.work.create_task(worker.run(replica.stopping))


async def _chores(drop: Callable[[], Any]) -> None:
    await drop()
