"""Credits that are spent, set aside, captured and given back; every answer is written down."""

from random import Random
from typing import TYPE_CHECKING, Any

from services.chassis.errors import Refusal, is_transient
from tests.simulation.actions.action import person
from tests.simulation.actions.book import Outcome, Spent, book_of
from tests.simulation.invariants import reading
from tollgate.subscription.v1 import credit_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulation.world import World

POOL = "sessions"
_TRIES = 4


class Spends:
    """Sessions are started for an account, one or several at once, each for some credits."""

    name = "spends"
    weight = 30.0

    async def run(self, world: "World", rng: Random) -> None:
        """Spend, or set aside and then capture or release."""
        accounts = reading.accounts_with_credits(world)
        if not accounts:
            return
        account = rng.choice(accounts)
        for _ in range(rng.choice([1, 1, 2, 5])):
            amount = rng.choice([1, 10, 400, 3000])
            world.spawn(self._session(world, rng, account, amount))

    async def _session(self, world: "World", rng: Random, account: str, amount: int) -> None:
        book = book_of(world)
        calls: Any = world.call(person("session-gateway")).credits
        key = book.somebody("spend")
        what = "hold" if rng.random() < 0.5 else "debit"
        spent = book.spent[key] = Spent(account, POOL, amount, f"session {key}", what)
        given: dict[str, Any] = {
            "account": account,
            "pool": POOL,
            "amount": amount,
            "reference": spent.reference,
            "request_id": key,
        }
        if what == "debit":
            debit = pb.DebitCreditsRequest(**given)
            spent.outcome, _ = await self._ask(world, rng, lambda: calls.DebitCredits(debit))
            return
        hold = pb.HoldCreditsRequest(**given, lifetime_seconds=3600)
        spent.outcome, held = await self._ask(world, rng, lambda: calls.HoldCredits(hold))
        if held is None:
            return
        spent.hold = held.hold.name
        await world.clock.sleep(rng.choice([0.1, 30.0, 7200.0]))
        if rng.random() < 0.6:
            capture = pb.CaptureHoldRequest(name=spent.hold)
            outcome, _ = await self._ask(world, rng, lambda: calls.CaptureHold(capture))
            spent.settled = f"capture {outcome}"
        else:
            release = pb.ReleaseHoldRequest(name=spent.hold)
            outcome, _ = await self._ask(world, rng, lambda: calls.ReleaseHold(release))
            spent.settled = f"release {outcome}"

    async def _ask(
        self, world: "World", rng: Random, call: "Callable[[], Awaitable[Any]]"
    ) -> "tuple[Outcome, Any]":
        for number in range(_TRIES):
            try:
                return Outcome.DONE, await call()
            except Refusal as refusal:
                if not is_transient(refusal):
                    world.counts[f"refused {refusal.reason}"] += 1
                    # A call that was given up may still arrive, once there are credits again.
                    return Outcome.UNKNOWN if number else Outcome.REFUSED, None
            await world.clock.sleep(rng.uniform(0.1, 3.0))
        return Outcome.UNKNOWN, None
