"""A replica of subscription."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, cast

from services.chassis.facts import FactRecord
from services.chassis.relaying import RelayLoop
from services.chassis.retaking import retake
from services.chassis.sink import SERVICE as SINK
from services.chassis.sink import FactSinkClient, FactSinkServicer
from services.subscription import convert, usecases
from services.subscription.access import ACCESS
from services.subscription.clients import GrpcPayments, GrpcPricing, GrpcProvisioner
from services.subscription.servicer import (
    CREDITS,
    SERVICE,
    Alerting,
    CreditServicer,
    FactIntake,
    SubscriptionServicer,
)
from services.subscription.usecases import Desk
from services.subscription.worker import Chores, Giver, every
from tests.simulation.services.replica import Replica
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.subscription.v1.credit_service_pb2_grpc import add_CreditServiceServicer_to_server
from tollgate.subscription.v1.subscription_service_pb2_grpc import (
    add_SubscriptionServiceServicer_to_server,
)

CLAIM = "sub"
TIMERS = 24 * 3600.0
"""Seconds between looks at what is due; with months to pass, a look every two is too much."""
RARELY = 84 * 3600.0
REFUNDS = 24 * 3600.0
REFUND_DELAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Version:
    """What a version of subscription knows: all kinds of fact, but perhaps one."""

    lacks: str

    @property
    def types(self) -> tuple[str, ...]:
        """The kinds that it knows."""
        return tuple(one for one in convert.KNOWN_TYPES if one != self.lacks)


@dataclass(frozen=True, slots=True)
class _Intake(FactIntake):
    """The intake of a version that may be older: a kind that it does not know is kept."""

    version: _Version = field(kw_only=True)

    def take(self, record: FactRecord, source: str) -> Coroutine[Any, Any, None]:
        """Take one fact."""
        if record.type == self.version.lacks:
            return usecases.keep_unknown(self.tx, usecases.Envelope(record, source))
        return FactIntake.take(self, record, source)

    async def take_together(self, records: Sequence[FactRecord], source: str) -> bool:
        """Take what came together, unless this version does not know all of it."""
        if any(record.type == self.version.lacks for record in records):
            return False
        return await FactIntake.take_together(self, records, source)


class _Chores(Chores):
    """The chores of a version that may be older."""

    async def take_what_is_known(self, version: _Version) -> None:
        """Take what an earlier version kept."""
        await retake(self.intake.tx, version.types, self.intake.take)


async def subscription(replica: Replica) -> None:
    """Put a replica together and serve until it is to stop."""
    net, clock, tx = replica.platform.net, replica.clock, replica.rows.tx
    pricing = GrpcPricing(_channel(replica, "pricing"))
    payments = GrpcPayments(_channel(replica, "payments"))
    provisioner = _channel(replica, "provisioner")
    alerting = Alerting(replica.metrics.counter("alerts", "What needs a person", ("reason",)))
    version = _Version(replica.process.lacks)
    intake = _Intake(tx, pricing, replica.ids, alerting, version=version)
    relay = RelayLoop(
        replica.rows.outbox,
        "provisioner",
        FactSinkClient(provisioner).deliver,
        wakeups=replica.wakeups,
        clock=clock,
        jitter=replica.jitter,
    )
    replica.loops.create_task(relay.run())
    # The pool is only counted in, by a loop that is not run here.
    chores = _Chores(intake, cast("Any", None), replica.metrics, Giver(payments, REFUND_DELAY))
    loop = partial(every, clock=clock, jitter=replica.jitter)
    for seconds, name, step in (
        (TIMERS, "The retention timer", chores.sweep),
        (REFUNDS, "Giving refunds", chores.give_refunds),
        (TIMERS, "Giving back holds", chores.release_holds),
        (RARELY, "Asking for unknown prices", chores.retry_prices),
        (RARELY, "Renewing assignments", chores.renew_assigned),
        (RARELY, "Giving orders again", chores.resend),
        (RARELY, "Taking kept facts", partial(chores.take_what_is_known, version)),
    ):
        replica.loops.create_task(loop(seconds, name, step))
    asked = GrpcProvisioner(provisioner)
    desk = Desk(tx, replica.ids, CLAIM, pricing, payments, asked, intake.take)
    net.serve(
        [
            (add_SubscriptionServiceServicer_to_server, SubscriptionServicer(desk), SERVICE),
            (add_CreditServiceServicer_to_server, CreditServicer(tx, CLAIM), CREDITS),
            (
                add_FactSinkServicer_to_server,
                FactSinkServicer(intake.take, replica.work, together=intake.take_together),
                SINK,
            ),
        ],
        ACCESS,
    )
    await replica.stopping.wait()
    net.leave()


def _channel(replica: Replica, target: str) -> Any:
    return replica.channel(target)
