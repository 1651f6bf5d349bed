"""Known bugs of SQL that no in-memory store can show; planted while a context lasts.

Beside them stand what brings them out in worlds as small as these, and who notices.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from random import Random
from unittest.mock import patch

from services.chassis.db import PgTransactions
from services.payments import sql
from services.subscription.ledger import Entry, Pool, Posting
from services.subscription.store import ledger
from tests.simulation.actions.credits import Spends
from tests.simulation.faults import FAULTS
from tests.simulation.faults.fault import Fault
from tests.simulation.postgres.database import PgDatabase
from tests.simulation.world import World

_OFTEN = 400.0
"""As much as everything else together and more."""

# Under READ COMMITTED a statement that has waited for a row sees that row anew, and no other.
_STALE = """
    UPDATE credit_pools SET posted = seen.posted + $3, held = seen.held + $4,
        debt = seen.debt + $5, last_sequence = credit_pools.last_sequence + 1
    FROM (SELECT * FROM credit_pools WHERE account = $1 AND pool = $2) AS seen
    WHERE credit_pools.account = $1 AND credit_pools.pool = $2
        AND (seen.posted + $3) - (seen.held + $4) >= 0
    RETURNING credit_pools.last_sequence, credit_pools.posted, credit_pools.held
"""
_DRAW = """
SELECT set_config('planted.number',
    nextval(pg_get_serial_sequence('credit_grants', 'sequence'))::text, true)
"""
_COUNTED = "SELECT $6, $1, $2, last_sequence,"
_DRAWN = "SELECT $6, $1, $2, current_setting('planted.number')::bigint,"
_GIVEN = "FROM given ORDER BY event_id"
_FREE = "FROM given WHERE pg_try_advisory_xact_lock(hashtextextended(event_id, 0))"


@contextmanager
def spends_what_it_saw() -> Iterator[None]:
    """A debit reckons with the balance that its statement saw before it waited (rule 18)."""
    head, rest = ledger._POST.split("WITH moved AS (", 1)
    _, tail = rest.split("\n)\n", 1)
    with patch.object(ledger, "_POST", f"{head}WITH moved AS ({_STALE})\n{tail}"):
        yield


@contextmanager
def numbers_before_it_waits() -> Iterator[None]:
    """An entry's number is a sequence's, drawn before the row of its pool is locked (rule 7)."""
    assert _COUNTED in ledger._POST
    posts = ledger.LedgerSql.post

    async def post(store: ledger.LedgerSql, posting: Posting) -> Entry | None:
        await store._connection.execute(_DRAW)
        return await posts(store, posting)

    drawn = ledger._POST.replace(_COUNTED, _DRAWN)
    with patch.object(ledger, "_POST", drawn), patch.object(ledger.LedgerSql, "post", post):
        yield


@contextmanager
def passes_by_what_is_being_stored() -> Iterator[None]:
    """An event that another batch is storing is called a duplicate before that commits (24).

    A statement by itself is never half done in these worlds, so batches are transactions here.
    """
    assert _GIVEN in sql.PUT_EVENTS
    hasty = sql.PUT_EVENTS.replace(_GIVEN, f"{_FREE} ORDER BY event_id")
    in_transactions = patch.object(PgTransactions, "single", PgTransactions.run)
    with in_transactions, patch.object(sql, "PUT_EVENTS", hasty):
        yield


class Reader:
    """Somebody who reads the ledger again and again, each time on from the last number she saw."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self._last: defaultdict[Pool, int] = defaultdict(int)
        self._known: set[str] = set()

    def read(self, entries: Mapping[str, Entry]) -> None:
        """Look at what has been committed: an entry below the last number is never asked for."""
        new = [entry for name, entry in entries.items() if name not in self._known]
        for entry in sorted(new, key=lambda one: one.sequence):
            pool = entry.posting.pool
            if entry.sequence <= self._last[pool]:
                self.missed.append(f"{entry.sequence} of {pool} came after {self._last[pool]}")
            self._last[pool] = max(self._last[pool], entry.sequence)
        self._known |= entries.keys()


@contextmanager
def reader() -> Iterator[Reader]:
    """Have somebody read the ledger after each transaction that has written to it."""
    ended, found = PgDatabase.transaction_ended, Reader()

    def look(db: PgDatabase, tables: frozenset[str]) -> None:
        ended(db, tables)
        if "credit_entries" in tables:
            found.read(db.tables["credit_entries"])

    with patch.object(PgDatabase, "transaction_ended", look):
        yield found


class TwiceAtOnce:
    """Calls often come twice, so that both replicas of payments store the same events at once.

    Whatever is acknowledged is looked for at that moment: a little later it may well be stored.
    """

    name = "twice at once"

    def start(self, world: World, rng: Random) -> None:
        """Begin."""
        world.net.trouble.double = 0.5
        trouble = world.databases["payments"].trouble
        trouble.slow, trouble.slow_seconds = 0.3, 0.2
        world.spawn(self._looks(world))

    def stop(self, world: World) -> None:
        """End."""
        world.net.trouble.double = world.databases["payments"].trouble.slow = 0.0

    async def _looks(self, world: World) -> None:
        while True:
            await world.shop.post.next_taken()
            world.check()


class SlowLedger:
    """Statements of subscription are often slow, so that transactions overlap."""

    name = "slow ledger"

    def start(self, world: World, rng: Random) -> None:
        """Begin."""
        trouble = world.databases["subscription"].trouble
        trouble.slow, trouble.slow_seconds = 0.2, 0.2

    def stop(self, world: World) -> None:
        """End."""
        world.databases["subscription"].trouble.slow = 0.0


@contextmanager
def _known(fault: type[Fault]) -> Iterator[None]:
    FAULTS.append(fault)
    try:
        yield
    finally:
        FAULTS.remove(fault)


@contextmanager
def twice_at_once() -> Iterator[None]:
    """Let worlds have this fault: it is too much for those that draw their faults."""
    with _known(TwiceAtOnce):
        yield


@contextmanager
def spends_at_once() -> Iterator[None]:
    """Let people do little but spend credits, and worlds have the fault that mixes it all up."""
    with _known(SlowLedger), patch.object(Spends, "weight", _OFTEN):
        yield


BY_NAME_ONLY: Mapping[str, Callable[[], AbstractContextManager[None]]] = {
    TwiceAtOnce.name: twice_at_once,
    SlowLedger.name: spends_at_once,
}
"""The faults that no world draws, by their names, and what lets worlds have them."""
