"""What an action is, and what people who act have in common."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

from services.chassis.errors import Refusal, is_transient
from services.chassis.identity import Principal
from tests.simulation.shop_rows import SubscriptionRow

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

_TRIES = 10


class Action(Protocol):
    """Something that somebody does. ``weight`` is how often, against the others."""

    name: str
    weight: float

    async def run(self, world: "World", rng: Random) -> None:
        """Do it, all of it, however long it takes."""
        ...


def person(subject: str) -> Principal:
    """Return somebody without an organization."""
    return Principal(subject, "user", issuer="https://id.example/realms/people")


def admin_of(organization: str) -> Principal:
    """Return an admin of an organization."""
    return Principal(
        f"admin-of-{organization}",
        "user",
        issuer=f"https://id.example/realms/{organization}",
        organization=organization,
        groups=("org-admin",),
    )


async def insist(
    world: "World", rng: Random, call: Callable[[], Awaitable[T]], *expected: str
) -> T | None:
    """Ask until there is an answer, as a person or their client does, with the same key.

    None if they gave up, or were refused for one of the ``expected`` reasons; another refusal that
    asking again would not change is raised.
    """
    for number in range(_TRIES):
        try:
            return await call()
        except Refusal as refusal:
            if refusal.reason in expected:
                world.counts[f"refused {refusal.reason}"] += 1
                return None
            if not is_transient(refusal):
                raise
        await world.clock.sleep(rng.uniform(0.2, 4.0) * (number + 1))
    world.counts["gave up"] += 1
    return None


async def think(world: "World", rng: Random) -> None:
    """Let the time pass that people take at a page: mostly a moment, at times half an hour."""
    await world.clock.sleep(rng.choice([0.5, 3.0, 20.0, 20.0, 90.0, 1500.0]) * rng.uniform(0.5, 1))


def some(world: "World", rng: Random, *, live: bool = True) -> SubscriptionRow | None:
    """Pick a subscription at the provider that is in force, or that was ended; None for none."""
    rows = [row for row in world.shop.books.subscriptions.values() if row.live == live]
    return rng.choice(rows) if rows else None
