"""Puts the subscription service together; commands are in ``commands`` and ``by_hand``."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from services.chassis.channel import Channel, connect
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import ConfigError, Env, environment
from services.chassis.database import open_database
from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.errors import Refusal
from services.chassis.facts import FactRecord
from services.chassis.ids import Ids, RandomIds
from services.chassis.metrics import Metrics
from services.chassis.outbox import Relay
from services.chassis.process import EXIT_CONFIG, EXIT_FAILED, Process, main
from services.chassis.server import GrpcServer, Servicers
from services.chassis.sink import SERVICE as SINK
from services.chassis.sink import FactSinkClient, FactSinkServicer
from services.chassis.telemetry import current_traceparent
from services.chassis.wakeups import Wakeups
from services.subscription import by_hand, commands, convert
from services.subscription.access import ACCESS
from services.subscription.clients import GrpcPayments, GrpcPricing, GrpcProvisioner
from services.subscription.config import SubscriptionConfig, read_config, read_database
from services.subscription.domain import CapacityOrdered
from services.subscription.ports import SubscriptionTransactions
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


class Neighbours:
    """The services that are asked, over channels that close with ``resources``."""

    def __init__(self, config: SubscriptionConfig, resources: AsyncExitStack, clock: Clock) -> None:
        def open_channel(name: str, target: str) -> Channel:
            channel = connect(target, server_name=name, tls=config.chassis.tls, clock=clock)
            resources.push_async_callback(channel.close)
            return channel

        self.pricing = GrpcPricing(open_channel("pricing", config.pricing_target))
        self.payments = GrpcPayments(open_channel("payments", config.payments_target))
        self.to_provisioner = open_channel("provisioner", config.provisioner_target)
        self.provisioner = GrpcProvisioner(self.to_provisioner)

    def desk(self, tx: SubscriptionTransactions, ids: Ids, claim: str, intake: FactIntake) -> Desk:
        """Return what buying and changing need."""
        return Desk(tx, ids, claim, self.pricing, self.payments, self.provisioner, intake.take)


async def run(config: SubscriptionConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    pool = await open_database(config.chassis, process, _MIGRATIONS)
    wakeups = Wakeups()
    tx = PgTransactions(pool, _store, wakeups=wakeups, clock=process.clock)
    asks = Neighbours(config, process.resources, process.clock)
    alerting = Alerting(process.metrics.counter("alerts", "What needs a person", ("reason",)))
    intake = FactIntake(tx, asks.pricing, process.ids, alerting)
    relay = Relay(
        pool,
        "provisioner",
        FactSinkClient(asks.to_provisioner).deliver,
        wakeups=wakeups,
        clock=process.clock,
    )
    giver = Giver(asks.payments, timedelta(seconds=config.refund_delay))
    chores = Chores(intake, pool, process.metrics, giver)
    desk = asks.desk(tx, process.ids, config.user_claim, intake)
    loop = partial(every, clock=process.clock)
    for task in (
        relay.run(),
        loop(config.retention_poll, "The retention timer", chores.sweep),
        loop(config.refund_poll, "Giving refunds", chores.give_refunds),
        loop(config.retention_poll, "Giving back holds", chores.release_holds),
        loop(config.price_retry, "Asking for unknown prices", chores.retry_prices),
        loop(config.price_retry, "Renewing assignments", chores.renew_assigned),
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
        (
            add_FactSinkServicer_to_server,
            FactSinkServicer(intake.take, process.work, together=intake.take_together),
            SINK,
        ),
    ]
    server = GrpcServer.from_config(config.chassis, process, servicers, ACCESS)
    await server.serve(process.stopping)


async def operate(arguments: list[str], env: Env) -> str:
    """Do what an operator asks for on the command line; return what came of it."""
    if arguments[0] in by_hand.NAMES:
        return await _asking(env, partial(_by_hand, by_hand.parse(arguments)))
    asked = commands.parse(arguments)
    if asked.command == commands.REFUNDS:
        return await _asking(env, partial(_sweep_refunds, asked))
    dsn = read_database(env)
    env.finish()
    pool = await open_pool(dsn, application_name="subscription-operator", max_size=2)
    try:
        return await commands.perform(PgTransactions(pool, _store), asked)
    finally:
        await pool.close()


@dataclass(frozen=True, slots=True)
class _Asking:
    """What a command works with that asks the other services."""

    config: SubscriptionConfig
    tx: SubscriptionTransactions
    asks: Neighbours
    ids: RandomIds


async def _asking(env: Env, do: Callable[[_Asking], Awaitable[str]]) -> str:
    config = read_config(env)
    env.finish()
    async with AsyncExitStack() as resources:
        clock = SystemClock()
        dsn = config.chassis.database_url
        pool = await open_pool(dsn, application_name="subscription-operator", max_size=2)
        resources.push_async_callback(pool.close)
        asks = Neighbours(config, resources, clock)
        return await do(_Asking(config, PgTransactions(pool, _store), asks, RandomIds(clock)))


async def _by_hand(asked: argparse.Namespace, given: _Asking) -> str:
    desk = given.asks.desk(given.tx, given.ids, given.config.user_claim, _intake(given))
    return await by_hand.perform(desk, asked)


async def _sweep_refunds(asked: argparse.Namespace, given: _Asking) -> str:
    return await commands.sweep_refunds(_intake(given), given.asks.payments, asked)


def _intake(given: _Asking) -> FactIntake:
    alerting = Alerting(Metrics().counter("alerts", "What needs a person", ("reason",)))
    return FactIntake(given.tx, given.asks.pricing, given.ids, alerting)


def operator(arguments: list[str], env: Env) -> int:
    """Run one command and return the exit code."""
    try:
        sys.stdout.write(asyncio.run(operate(arguments, env)) + "\n")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    except Refusal as refusal:
        sys.stderr.write(f"{refusal.reason}: {refusal.message}\n")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in (*commands.NAMES, *by_hand.NAMES):
        sys.exit(operator(sys.argv[1:], environment()))
    main("subscription", read_config, run)
