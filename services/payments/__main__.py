"""The payments process: ``python -m services.payments [--validate|--help]``."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

from services.chassis.channel import connect
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.groupcommit import GroupCommit
from services.chassis.idempotency import purge
from services.chassis.migrate import migrate
from services.chassis.outbox import Relay
from services.chassis.process import Process, main
from services.chassis.queue import Worker
from services.chassis.server import GrpcServer
from services.chassis.sink import FactSinkClient
from services.chassis.wakeups import Wakeups
from services.chassis.working import Handle
from services.payments.access import ACCESS
from services.payments.config import Config, read_config
from services.payments.convert import DESTINATIONS, to_fact_record
from services.payments.events import NewEvent
from services.payments.folding import FETCHES_PER_SECOND, Folding
from services.payments.ingest import (
    BytesInFlight,
    Intake,
    ingest_events,
    refuse_events,
    store_batch,
)
from services.payments.operations import Selling
from services.payments.pinning import KeyState, check_key
from services.payments.ports import Provider
from services.payments.providers.opening import open_commerce, open_provider
from services.payments.providers.stripe.settings import SharedKey, StripeSettings
from services.payments.rotation import KeyFile
from services.payments.sealing import Sealer
from services.payments.sending import shared_pace
from services.payments.servicer import SERVICE, Ingest, PaymentsServicer, Served
from services.payments.store import OPERATIONS, QUEUE, PgStore
from services.payments.usecases import drop_old_bodies
from services.payments.worker import folds, keep_house, operations, verify_key
from tollgate.payments.v1.payments_service_pb2_grpc import add_PaymentsServiceServicer_to_server

NAME = "payments"
MIGRATIONS = Path(__file__).parent / "migrations"
AT_ONCE = 8
# How long an object or operation waits whose holder was killed; renewed while a call lasts.
LEASE_SECONDS = 10.0


async def run(config: Config, process: Process) -> None:
    """Build everything, serve until stopped, and store what was taken in until then."""
    pool = await _open_database(config, process)
    wakeups = Wakeups()
    tx = PgTransactions(
        pool,
        lambda connection: PgStore(connection, to_fact_record),
        wakeups=wakeups,
        clock=process.clock,
    )
    shared = SharedKey(config.stripe.secret_key) if config.stripe is not None else None
    provider = open_provider(config.stripe, process.clock, shared)
    process.resources.push_async_callback(provider.close)
    pace = shared_pace(tx, provider.name, process.clock, FETCHES_PER_SECOND)
    commerce = open_commerce(config.stripe, pace, shared)
    process.resources.push_async_callback(commerce.close)
    key = KeyState()
    selling = Selling(tx, provider, commerce, key, config.deployment, process.clock, process.ids)
    drained = asyncio.Event()
    ingest: Ingest = partial(refuse_events, provider)
    if config.stripe is not None and shared is not None:
        if not any(config.stripe.secrets.values()):
            process.log.warning("No webhook secret is set, so nothing listens for webhooks.")
        sealer = Sealer(config.encryption_keys)
        folding = Folding(tx, provider, key, sealer, config.deployment, process.clock)
        ingest = _start_intake(config, process, folding, drained)
        check = partial(check_key, tx, provider, config.stripe_account, config.stripe.livemode, key)
        process.task_group.create_task(verify_key(check, key, process.clock))
        _watch_key(config, config.stripe, process, shared, key, tx)
        process.metrics.watch(
            "provider_key_verified",
            "1 while the provider's key is seen to belong to the pinned account",
            lambda: float(key.verified),
        )
        _start_worker(process, pool, wakeups, QUEUE, folds(folding))
        _start_worker(process, pool, wakeups, OPERATIONS, operations(selling))
    _start_relays(config, process, pool, wakeups)
    chores = partial(_chores, tx, pool, process)
    process.task_group.create_task(keep_house(chores, process.clock, process.stopping))
    served = Served(tx, provider, key, ingest, selling, process.metrics)
    servicer = (add_PaymentsServiceServicer_to_server, PaymentsServicer(served), SERVICE)
    server = GrpcServer.from_config(config.chassis, process, [servicer], ACCESS)
    await server.start()
    process.log.info("ready", public=server.public_port, internal=server.internal_port)
    await server.serve(process.stopping)
    drained.set()


def _watch_key(
    config: Config,
    stripe: StripeSettings,
    process: Process,
    shared: SharedKey,
    state: KeyState,
    tx: PgTransactions[PgStore],
) -> None:
    """Begin to follow the file that the key comes from, if it does from one."""
    if stripe.key_file is None:
        return

    def open_with(secret_key: str) -> Provider:
        return open_provider(replace(stripe, secret_key=secret_key), process.clock)

    expected, clock = config.stripe_account, process.clock
    file = KeyFile(stripe.key_file, shared, state, tx, open_with, expected=expected, clock=clock)
    process.task_group.create_task(file.watch())


async def _open_database(config: Config, process: Process) -> Pool:
    if config.chassis.migrate_url:
        await migrate(config.chassis.migrate_url, NAME, [MIGRATIONS], clock=process.clock)
    pool = await open_pool(
        config.chassis.database_url,
        application_name=NAME,
        schema=NAME,
        max_size=config.chassis.database_pool,
        clock=process.clock,
    )
    process.resources.push_async_callback(pool.close)
    return pool


def _start_worker(
    process: Process, pool: Pool, wakeups: Wakeups, queue: str, handle: Handle
) -> None:
    worker = Worker(
        pool,
        queue,
        handle,
        wakeups=wakeups,
        clock=process.clock,
        concurrency=AT_ONCE,
        lease=LEASE_SECONDS,
    )
    process.work.create_task(worker.run(process.stopping))


def _start_intake(
    config: Config, process: Process, folding: Folding, drained: asyncio.Event
) -> Ingest:
    """Webhooks are taken in until the last call has been answered, not only until the signal."""
    commits: GroupCommit[NewEvent, bool] = GroupCommit(
        partial(store_batch, folding.tx),
        key=lambda event: event.event.id,
        size=lambda event: len(event.body.blob),
        max_bytes=config.bytes_in_flight,
    )
    process.work.create_task(commits.run(drained))
    flight = BytesInFlight(config.bytes_in_flight)
    intake = Intake(
        folding.provider, folding.key, folding.sealer, process.clock, commits.enter, flight
    )
    return partial(ingest_events, intake)


def _start_relays(config: Config, process: Process, pool: Pool, wakeups: Wakeups) -> None:
    targets = {"subscription": config.subscription_target}
    for destination in DESTINATIONS:
        channel = connect(
            targets[destination],
            server_name=destination,
            tls=config.chassis.tls,
            clock=process.clock,
        )
        process.resources.push_async_callback(channel.close)
        sink = FactSinkClient(channel)
        relay = Relay(pool, destination, sink.deliver, wakeups=wakeups, clock=process.clock)
        process.work.create_task(relay.run(process.stopping))


async def _chores(tx: PgTransactions[PgStore], pool: Pool, process: Process) -> None:
    dropped = await drop_old_bodies(tx, process.clock)
    if dropped:
        process.log.info("Old bodies are dropped.", bodies=dropped)
    async with pool.acquire() as connection:
        await purge(connection)


if __name__ == "__main__":
    main(NAME, read_config, run)
