"""What an invariant is."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.simulation.world import World


class Invariant(Protocol):
    """Something that has to be true. Each world has its own, so it may keep how far it looked."""

    name: str

    def check(self, world: "World") -> list[str]:
        """Say what is wrong now; at any moment, so cheap: only what is new since the last look."""
        ...

    def final(self, world: "World") -> list[str]:
        """Say what is wrong once nothing is under way any more."""
        ...


class AtTheEnd:
    """An invariant that says nothing while things are under way."""

    def check(self, world: "World") -> list[str]:
        """Say nothing."""
        return []


class AllTheTime:
    """An invariant that has nothing to add at the end."""

    def final(self, world: "World") -> list[str]:
        """Say nothing."""
        return []
