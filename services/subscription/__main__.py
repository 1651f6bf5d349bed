"""Puts the subscription service together; an operator's commands are in ``commands``."""

import asyncio
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

from services.chassis.channel import Channel, connect
from services.chassis.config import ConfigError, Env, environment
from services.chassis.database import open_database
from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.facts import FactRecord
from services.chassis.outbox import Relay
from services.chassis.process import EXIT_CONFIG, Process, main
from services.chassis.server import GrpcServer, Servicers
from services.chassis.sink import SERVICE as SINK
from services.chassis.sink import FactSinkClient, FactSinkServicer
from services.chassis.telemetry import current_traceparent
from services.chassis.wakeups import Wakeups
from services.subscription import commands, convert
from services.subscription.access import ACCESS
from services.subscription.clients import GrpcPayments, GrpcPricing, GrpcProvisioner
from services.subscription.config import SubscriptionConfig, read_config, read_database
from services.subscription.domain import CapacityOrdered
from services.subscription.servicer import (
    CREDITS,
    SERVICE,
    Alerting,
    CreditServicer,
    FactIntake,
    SubscriptionServicer,
)
from services.subscription.store import PgStore
from services.subscription.usecases import Desk
from services.subscription.worker import HOUSEKEEPING, PURGE, Chores, Giver, every
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.subscription.v1.credit_service_pb2_grpc import (
    add_CreditServiceServicer_to_server,
)
from tollgate.subscription.v1.subscription_service_pb2_grpc import (
    add_SubscriptionServiceServicer_to_server,
)

_MIGRATIONS = Path(__file__).parent / "migrations"


def _encode(fact: CapacityOrdered, traceparent: str) -> FactRecord:
    return convert.to_record(fact, current_traceparent() or traceparent)


def _store(connection: Connection) -> PgStore:
    return PgStore(connection, _encode)


def _channel(config: SubscriptionConfig, process: Process, name: str, target: str) -> Channel:
    channel = connect(target, server_name=name, tls=config.chassis.tls, clock=process.clock)
    process.resources.push_async_callback(channel.close)
    return channel


async def run(config: SubscriptionConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    pool = await open_database(config.chassis, process, _MIGRATIONS)
    wakeups = Wakeups()
    tx = PgTransactions(pool, _store, wakeups=wakeups, clock=process.clock)
    pricing = GrpcPricing(_channel(config, process, "pricing", config.pricing_target))
    payments = GrpcPayments(_channel(config, process, "payments", config.payments_target))
    provisioner = _channel(config, process, "provisioner", config.provisioner_target)
    alerting = Alerting(process.metrics.counter("alerts", "What needs a person", ("reason",)))
    intake = FactIntake(tx, pricing, process.ids, alerting)
    relay = Relay(
        pool,
        "provisioner",
        FactSinkClient(provisioner).deliver,
        wakeups=wakeups,
        clock=process.clock,
    )
    giver = Giver(payments, timedelta(seconds=config.refund_delay))
    chores = Chores(intake, pool, process.metrics, giver)
    desk = Desk(tx, process.ids, config.user_claim, pricing, payments, GrpcProvisioner(provisioner))
    loop = partial(every, clock=process.clock)
    for task in (
        relay.run(),
        loop(config.retention_poll, "The retention timer", chores.sweep),
        loop(config.refund_poll, "Giving refunds", chores.give_refunds),
        loop(config.retention_poll, "Giving back holds", chores.release_holds),
        loop(config.price_retry, "Asking for unknown prices", chores.retry_prices),
        loop(config.price_retry, "Giving orders again", chores.resend),
        loop(config.price_retry, "Taking kept facts", chores.take_kept),
        loop(PURGE, "Purging idempotency keys", chores.purge),
        loop(HOUSEKEEPING, "Counting the backlog", chores.count_backlog),
    ):
        process.task_group.create_task(task)
    servicers: Servicers = [
        (
            add_SubscriptionServiceServicer_to_server,
            SubscriptionServicer(desk),
            SERVICE,
        ),
        (add_CreditServiceServicer_to_server, CreditServicer(tx, config.user_claim), CREDITS),
        (add_FactSinkServicer_to_server, FactSinkServicer(intake.take, process.work), SINK),
    ]
    server = GrpcServer.from_config(config.chassis, process, servicers, ACCESS)
    await server.serve(process.stopping)


async def operate(arguments: list[str], env: Env) -> str:
    """Do what an operator asks for on the command line; return what came of it."""
    asked = commands.parse(arguments)
    dsn = read_database(env)
    env.finish()
    pool = await open_pool(dsn, application_name="subscription-operator", max_size=2)
    try:
        return await commands.perform(PgTransactions(pool, _store), asked)
    finally:
        await pool.close()


def operator(arguments: list[str], env: Env) -> int:
    """Run one command and return the exit code."""
    try:
        sys.stdout.write(asyncio.run(operate(arguments, env)) + "\n")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in commands.NAMES:
        sys.exit(operator(sys.argv[1:], environment()))
    main("subscription", read_config, run)
