"""What an operator does when a brake has stopped: looks, and lifts the limit once."""

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from services.chassis.errors import Refusal, is_transient
from services.subscription import usecases

if TYPE_CHECKING:
    from tests.simulation.world import World

_MANY = 10_000
_DELAY = timedelta(minutes=1)


async def operate(world: "World") -> None:
    """Have everything that is due done, whatever the brakes say."""
    try:
        tx: Any = (await world.rows("subscription")).tx
        swept = await usecases.sweep_retention(tx, limit=_MANY, reason="seen to")
        decided = await usecases.decide_refunds(tx, delay=_DELAY, limit=_MANY, reason="seen to")
    except Refusal as refusal:
        if not is_transient(refusal):
            raise
        return
    world.counts["swept by hand"] += swept.done
    world.counts["refunds decided by hand"] += decided.done


class Operator:
    """An operator looks at what the brakes have stopped."""

    name = "operator"
    weight = 1.5

    async def run(self, world: "World", rng: Random) -> None:
        """Look."""
        await operate(world)
