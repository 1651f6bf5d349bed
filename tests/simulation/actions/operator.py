"""What an operator does when a brake has stopped: looks, and lifts the limit once."""

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from services.chassis.errors import Refusal, is_transient
from services.subscription import usecases
from services.subscription.clients import GrpcPayments, GrpcPricing
from services.subscription.servicer import Alerting, FactIntake
from services.subscription.usecases import News
from tests.simulation.engine.randomness import SimIds
from tests.simulation.services.replica import METRICS

if TYPE_CHECKING:
    from tests.simulation.world import World

_MANY = 10_000
_DELAY = timedelta(minutes=1)


async def operate(world: "World") -> None:
    """Have everything that is due done, whatever the brakes say."""
    try:
        tx: Any = (await world.rows("subscription")).tx
        swept = await usecases.sweep_retention(tx, limit=_MANY, reason="seen to")
        decided = await usecases.decide_refunds(
            tx, _news(world, tx), delay=_DELAY, limit=_MANY, reason="seen to"
        )
    except Refusal as refusal:
        if not is_transient(refusal):
            raise
        return
    world.counts["swept by hand"] += swept.done
    world.counts["refunds decided by hand"] += decided.done


def _news(world: "World", tx: Any) -> News:
    """Return what the command works with: the other services, asked as subscription."""
    pricing: Any = world.net.channel("subscription", "pricing")
    payments: Any = world.net.channel("subscription", "payments")
    alerting = Alerting(METRICS.counter("alerts", "What needs a person", ("reason",)))
    intake = FactIntake(
        tx, GrpcPricing(pricing), SimIds(f"operator at {world.loop.steps}"), alerting
    )
    return News(GrpcPayments(payments), intake.take)


class Operator:
    """An operator looks at what the brakes have stopped."""

    name = "operator"
    weight = 1.5

    async def run(self, world: "World", rng: Random) -> None:
        """Look."""
        await operate(world)
