"""What the people of a world know they have done: told to no service, held against all of them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from tests.simulation.world import World


class Outcome(StrEnum):
    """What a person was told of what they asked for."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(slots=True)
class Spent:
    """Credits that somebody asked to spend or to set aside, under one key."""

    account: str
    pool: str
    amount: int
    reference: str
    what: str
    outcome: Outcome = Outcome.UNKNOWN
    hold: str = ""
    settled: str = ""


@dataclass(slots=True)
class Book:
    """Who there is, and what they did."""

    people: int = 0
    organizations: list[str] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)
    """Accounts that were answered, by the subject or organization."""
    pages: dict[str, str] = field(default_factory=dict)
    """Accounts by the page that they were answered."""
    spent: dict[str, Spent] = field(default_factory=dict)

    def somebody(self, kind: str) -> str:
        """Return a name that nobody has had."""
        self.people += 1
        return f"{kind}-{self.people}"


_BOOKS: "WeakKeyDictionary[World, Book]" = WeakKeyDictionary()


def book_of(world: "World") -> Book:
    """Return the book of a world."""
    found = _BOOKS.get(world)
    if found is None:
        found = _BOOKS[world] = Book()
    return found
