"""Credits: never below zero, every entry accounted for, every spend once."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from services.subscription.ledger import MOVES, Entry, HoldState, Movement, Pool
from tests.simulation.actions.book import Outcome, Spent, book_of
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AllTheTime, AtTheEnd

if TYPE_CHECKING:
    from tests.simulation.world import World


class CreditsNeverBelowZero(AllTheTime):
    """Nobody spends what they do not have, at no moment."""

    name = "credits never below zero"

    def check(self, world: "World") -> list[str]:
        """Look at every balance."""
        return [
            f"{one.pool.account} has {one.posted} of which {one.held} are held, {one.debt} owed"
            for one in reading.balances(world)
            if one.posted < one.held or one.held < 0 or one.debt < 0
        ]


class LedgerAddsUp(AtTheEnd):
    """Balances are what the entries say, and grants hold what the balances say."""

    name = "the ledger adds up"

    def final(self, world: "World") -> list[str]:
        """Count everything again."""
        entries: defaultdict[Pool, list[Entry]] = defaultdict(list)
        for entry in reading.entries(world).values():
            entries[entry.posting.pool].append(entry)
        remaining: Counter[Pool] = Counter()
        held: Counter[Pool] = Counter()
        wrong = []
        for grant in reading.grants(world).values():
            parts = (grant.remaining, grant.held, grant.spent, grant.expired, grant.reversed)
            if sum(parts) != grant.granted or min(parts) < 0:
                wrong.append(f"grant {grant.name} of {grant.granted} became {parts}")
            remaining[grant.pool] += grant.remaining
            held[grant.pool] += grant.held
        for one in reading.balances(world):
            counted = _counted(entries[one.pool])
            if counted != (one.posted, one.held, one.debt):
                wrong.append(f"entries of {one.pool} make {counted}, its row says {one}")
            if (remaining[one.pool], held[one.pool]) != (one.posted - one.held, one.held):
                wrong.append(f"grants of {one.pool} hold {remaining[one.pool]}, its row says {one}")
            numbers = sorted(entry.sequence for entry in entries[one.pool])
            if numbers != list(range(1, len(numbers) + 1)):
                wrong.append(f"entries of {one.pool} are numbered {numbers}")
        return wrong


def _counted(entries: list[Entry]) -> tuple[int, int, int]:
    posted = held = debt = 0
    for entry in entries:
        move, amount = MOVES[entry.posting.movement], entry.posting.amount
        posted += move.posted * amount
        held += move.held * amount
        debt += move.debt * amount
    return posted, held, debt


class SpentOnce(AtTheEnd):
    """What a spender was told is what happened: once, or not at all."""

    name = "spent once"

    def final(self, world: "World") -> list[str]:
        """Hold every answer against the entries."""
        found: Counter[tuple[str, Movement]] = Counter()
        for entry in reading.entries(world).values():
            found[entry.posting.reference, entry.posting.movement] += 1
        wrong = [told for spent in book_of(world).spent.values() for told in _spent(spent, found)]
        return wrong + [
            f"hold {hold.name} is held for ever"
            for hold in reading.holds(world).values()
            if hold.state is HoldState.HELD
        ]


def _spent(spent: Spent, found: Counter[tuple[str, Movement]]) -> list[str]:
    movement = Movement.HOLD if spent.what == "hold" else Movement.DEBIT
    times = found[spent.reference, movement]
    allowed = {Outcome.DONE: (1,), Outcome.REFUSED: (0,), Outcome.UNKNOWN: (0, 1)}[spent.outcome]
    wrong = []
    if times not in allowed:
        wrong.append(f"{spent} was entered {times} times")
    captured = found[spent.hold, Movement.CAPTURE] if spent.hold else 0
    released = found[spent.hold, Movement.RELEASE] if spent.hold else 0
    ends = {"": (0, 1), f"capture {Outcome.DONE}": (1, 0), f"release {Outcome.DONE}": (0, 1)}
    wanted = ends.get(spent.settled, (captured, released))
    once = captured + released == 1 and wanted == (captured, released)
    if spent.hold and not once:
        wrong.append(f"{spent} was captured {captured} times and released {released} times")
    return wrong
