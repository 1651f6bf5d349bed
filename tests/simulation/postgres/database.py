"""One service's database in PostgreSQL, as a world sees it: its trouble, its polls, its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from tests.simulation.engine.database import DbTrouble, Poller, Pollers
from tests.simulation.engine.lives import Life
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.randomness import START
from tests.simulation.postgres import frames
from tests.simulation.postgres.readers import READERS
from tests.simulation.postgres.tables import Tables, mentions
from tests.simulation.postgres.wire import Exchange

_TICK = 1e-6
_EPOCH = START.timestamp()
_POLLED = {"outbox:": "outbox", "queue:": "reconcile_queue"}
"""What loops poll for, and the tables that they look into."""

_DUE = """
SELECT 'outbox:' || destination AS topic, extract(epoch FROM min(due_at))::float8 AS due
FROM {service}.outbox GROUP BY destination
UNION ALL
SELECT 'queue:' || queue, extract(epoch FROM min(due_at))::float8
FROM {service}.reconcile_queue GROUP BY queue
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What happens to what a client sends: it is lost, or its answer, or it takes ``slow`` s."""

    lost: bool = False
    answer_lost: bool = False
    slow: float = 0.0


class PgDatabase:
    """One service's database; all replicas share it."""

    def __init__(self, service: str, loop: SimLoop, chance: Random, exchange: Exchange) -> None:
        self.service = service
        self.loop = loop
        self.trouble = DbTrouble()
        self.ended = 0
        """Transactions that have ended."""
        self.commits = 0
        self._tables = Tables(service, exchange.observer)
        self._written_by = mentions(
            frozenset(table for reader in READERS[service].values() for table in reader.of)
        )
        self._chance = chance
        self._exchange = exchange
        self._pollers = Pollers(loop, chance, self._due)
        self._dues: Mapping[str, float] | None = None
        self._now = 0.0

    @property
    def tables(self) -> Mapping[str, Mapping[Any, Any]]:
        """What is committed, by table and key, as the in-memory stores keep it."""
        return self._tables

    def watch(self, poller: Poller) -> None:
        """Wake a poller at the poll that finds something."""
        self._pollers.watch(poller)

    def unwatch(self, poller: Poller) -> None:
        """Forget a poller."""
        self._pollers.unwatch(poller)

    def life_ended(self, life: Life) -> None:
        """Break off what a life had open, and forget its pollers."""
        self._pollers.life_ended(life)
        self._exchange.life_ended(life)

    def draw(self, status: bytes, asked: frames.Asked) -> Drawn:
        """Draw what happens to a statement, and to the end of a transaction."""
        trouble = self.trouble
        if self._commits(status, asked):
            self.commits += 1
            if trouble.lose_before or trouble.lose_after:
                drawn = self._chance.random()
                if drawn < trouble.lose_before:
                    return Drawn(lost=True)
                if drawn < trouble.lose_before + trouble.lose_after:
                    return Drawn(answer_lost=True)
        if trouble.slow or trouble.lose:
            drawn = self._chance.random()
            if drawn < trouble.lose:
                return Drawn(lost=True)
            if drawn < trouble.lose + trouble.slow:
                return Drawn(slow=self._chance.random() * trouble.slow_seconds)
        return Drawn()

    def _commits(self, status: bytes, asked: frames.Asked) -> bool:
        """Tell whether something stands once this is done: COMMIT, or a statement by itself."""
        if status == b"I":
            return any(not sql.startswith("BEGIN") for sql in asked.sql)
        return any(sql.startswith("COMMIT") for sql in asked.sql)

    def time(self, status: bytes, asked: frames.Asked) -> bytes:
        """Return what tells the server the time, just before what is asked is done.

        ``now()`` is the time at which a transaction began, ``clock_timestamp()`` that of its
        statement; no two statements have the same.
        """
        if any(sql.startswith(("COMMIT", "ROLLBACK")) for sql in asked.sql):
            return b""
        self._now = max(self._now + _TICK, self.loop.time())
        setting = "began" if status == b"I" else "clock"
        return frames.query(f"SET simulated.{setting} = '{_EPOCH + self._now:.6f}'")

    def written(self, asked: frames.Asked) -> frozenset[str]:
        """Return the tables that these statements write to, as far as somebody looks at them."""
        return frozenset[str]().union(*map(self._written_by, asked.sql))

    def transaction_ended(self, tables: frozenset[str]) -> None:
        """Plan the polls anew if what they look for may have changed."""
        self.ended += 1
        self._tables.written(tables)
        kinds = [kind for kind, table in _POLLED.items() if table in tables]
        if kinds:
            self._dues = None
            self._pollers.changed(*kinds)

    def _due(self, topic: str) -> float:
        """Return the virtual second at which the first row of a topic is due; inf for none."""
        if self._dues is None:
            rows = self._exchange.observer.rows(_DUE.format(service=self.service))
            self._dues = {row["topic"]: row["due"] - _EPOCH for row in rows}
        return self._dues.get(topic, inf)
