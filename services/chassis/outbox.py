"""The outbox: facts written in the transaction that made them true, and delivered until taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.chassis.backoff import Backoff, Jitter, system_jitter
from services.chassis.clock import Clock
from services.chassis.db import UNHURRIED, Connection, Pool, Statements
from services.chassis.facts import Delivery, FactRecord, Outcome
from services.chassis.handing import offers_to, tell_after_commit
from services.chassis.relaying import (
    FOLLOWERS,
    ClaimedFact,
    Deliver,
    Postponed,
    Rejected,
    RelayLoop,
    topic,
)
from services.chassis.wakeups import Wakeups, after_commit

__all__ = [
    "Backlog",
    "DeadLetter",
    "Delivery",
    "FactRecord",
    "Outcome",
    "PgOutbox",
    "Relay",
    "append",
    "append_from",
    "backlog",
    "dead_letters",
    "revive",
    "written",
]

# What can be handed to a relay of this process is leased to it at once, unless something of its key
# stands: what is older goes first. Nobody else writes facts of the key until this commits.
# One probe of the index for each row; an EXISTS may be planned as a look at the whole table.
APPEND = """
INSERT INTO outbox (destination, fact_id, fact_key, revision, type, payload, traceparent, due_at)
SELECT destination, fact_id, fact_key, revision, type, payload, traceparent,
    CASE WHEN lease > 0 AND (
        SELECT seq FROM outbox AS older
        WHERE older.destination = row.destination AND older.fact_key = row.fact_key
        ORDER BY older.fact_key, older.seq LIMIT 1) IS NULL
    THEN clock_timestamp() + make_interval(secs => lease) ELSE now() END
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[],
    $8::float8[]) WITH ORDINALITY
    AS row (destination, fact_id, fact_key, revision, type, payload, traceparent, lease, place)
ORDER BY place
ON CONFLICT (destination, fact_id) DO NOTHING
RETURNING seq, destination, fact_id, due_at > now() AS leased
"""

# The recursion skips along the index from key to key, so ten thousand facts behind one head cost
# nothing, and it stops as soon as enough heads are found. Who holds the head of a key holds the
# key: its followers are nobody else's. A lease that is lost with the server is a fact told twice.
# Rows are named by one array, and not joined: a plan that was made while nothing waited joins by
# reading the whole table for each of them, and is kept when it is full.
CLAIM = f"""
WITH RECURSIVE heads AS (
    (SELECT fact_key, seq, due_at FROM outbox
     WHERE destination = $1 AND fact_key > $2
     ORDER BY fact_key, seq LIMIT 1)
    UNION ALL
    SELECT next.fact_key, next.seq, next.due_at
    FROM heads CROSS JOIN LATERAL (
        SELECT fact_key, seq, due_at FROM outbox
        WHERE destination = $1 AND fact_key > heads.fact_key
        ORDER BY fact_key, seq LIMIT 1) next
), ready AS (
    SELECT seq FROM heads WHERE due_at <= now() LIMIT $3
), mine AS (
    SELECT seq, fact_key FROM outbox
    WHERE seq = ANY(ARRAY(SELECT seq FROM ready)) AND due_at <= now()
    FOR UPDATE SKIP LOCKED
), chain AS (
    SELECT seq FROM mine
    UNION ALL
    SELECT follower.seq FROM mine CROSS JOIN LATERAL (
        SELECT seq, bool_and(due_at <= now()) OVER (ORDER BY seq) AS free FROM (
            SELECT seq, due_at FROM outbox
            WHERE destination = $1 AND fact_key = mine.fact_key AND seq > mine.seq
            ORDER BY seq LIMIT $5) next
    ) follower WHERE free
), claimed AS (
    UPDATE outbox SET epoch = epoch + 1, due_at = now() + make_interval(secs => $4)
    WHERE seq = ANY(ARRAY(SELECT seq FROM chain))
    RETURNING seq, epoch, failures, fact_id, fact_key, revision, type, payload, traceparent
)
SELECT *, {UNHURRIED} FROM claimed ORDER BY fact_key, seq
"""  # noqa: S608 - built of constants

# Lost with the server, it is taken once more and changes nothing.
_ACCEPTED = f"DELETE FROM outbox WHERE seq = ANY($1::bigint[]) RETURNING {UNHURRIED}"  # noqa: S608

_POSTPONE = """
UPDATE outbox
SET due_at = now() + make_interval(secs => row.after), failures = outbox.failures + 1,
    last_error = row.error
FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::text[]) AS row (seq, epoch, after, error)
WHERE outbox.seq = ANY($1::bigint[]) AND outbox.seq = row.seq AND outbox.epoch = row.epoch
"""

_REJECT = """
WITH dead AS (
    DELETE FROM outbox USING unnest($1::bigint[], $2::bigint[], $3::text[])
        AS row (seq, epoch, reason)
    WHERE outbox.seq = ANY($1::bigint[]) AND outbox.seq = row.seq AND outbox.epoch = row.epoch
    RETURNING outbox.*, row.reason
)
INSERT INTO dead_letters (seq, destination, fact_id, fact_key, revision, type, payload,
    traceparent, created_at, reason)
SELECT seq, destination, fact_id, fact_key, revision, type, payload, traceparent, created_at,
    reason
FROM dead
"""

_BACKLOG = """
SELECT destination, count(*) AS facts, count(*) FILTER (WHERE failures > 0) AS failing,
    extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest_seconds
FROM outbox GROUP BY destination ORDER BY destination
"""

_DEAD_LETTERS = """
SELECT seq, destination, fact_id, fact_key, revision, type, payload, traceparent, dead_at, reason
FROM dead_letters WHERE seq > $1 ORDER BY seq LIMIT $2
"""

_REVIVE = """
WITH revived AS (DELETE FROM dead_letters WHERE seq = $1 RETURNING *)
INSERT INTO outbox (destination, fact_id, fact_key, revision, type, payload, traceparent)
SELECT destination, fact_id, fact_key, revision, type, payload, traceparent FROM revived
ON CONFLICT (destination, fact_id) DO NOTHING
RETURNING destination
"""


async def append(conn: Connection, facts: Sequence[FactRecord]) -> None:
    """Write facts in the caller's transaction, a row for each destination.

    The caller holds the lock of what a fact is about, from an earlier statement: that is what makes
    the order of rows the order of commits. Where a key stands for several such things, as a payer
    does for what it buys, facts of two of them have no order among each other. A fact that already
    waits for a destination is not doubled. A relay of this process that is free is handed what has
    nothing before it; the rest is looked for.
    """
    rows = [(destination, fact) for fact in facts for destination in fact.destinations]
    for fact in facts:
        if not fact.destinations:
            raise ValueError(f"fact {fact.id} ({fact.type}) goes nowhere")
    if not rows:
        return
    offers = offers_to(destination for destination, _ in rows)
    written_rows = await conn.fetch(
        APPEND,
        [destination for destination, _ in rows],
        [fact.id for _, fact in rows],
        [fact.key for _, fact in rows],
        [fact.revision for _, fact in rows],
        [fact.type for _, fact in rows],
        [fact.payload for _, fact in rows],
        [fact.traceparent for _, fact in rows],
        [offer.lease if (offer := offers[destination]) else 0.0 for destination, _ in rows],
    )
    leased = {
        (row["destination"], row["fact_id"]): row["seq"] for row in written_rows if row["leased"]
    }
    tell_after_commit(offers, rows, leased)


def append_from(source: str, first: int) -> str:
    """Return the INSERT of a fact as a part of the statement that makes it true.

    ``source`` is the CTE of that statement which writes the aggregate, and so has locked it before
    a row is numbered; if it has no row, nothing is told. Parameters from ``$first`` on are what
    ``written`` returns.
    """
    fact_id, key, revision, type_, payload, traceparent = (f"${first + n}" for n in range(1, 7))
    # S608: what is put together here are names and numbers of the caller's own constants.
    return f"""
INSERT INTO outbox (destination, fact_id, fact_key, revision, type, payload, traceparent)
SELECT destination, {fact_id}, {key}, {revision}, {type_}, {payload}, {traceparent}
FROM {source} CROSS JOIN unnest(${first}::text[]) AS destination
ON CONFLICT (destination, fact_id) DO NOTHING
"""  # noqa: S608


def written(fact: FactRecord, *, at_once: bool = True) -> tuple[object, ...]:
    """Return the parameters of ``append_from``, and ask for the wake-ups of its commit.

    What need not be told ``at_once`` goes with what comes next to the same destination, or when
    the relay looks by itself.
    """
    if not fact.destinations:
        raise ValueError(f"fact {fact.id} ({fact.type}) goes nowhere")
    if at_once:
        for destination in fact.destinations:
            after_commit(topic(destination))
    return (
        list(fact.destinations),
        fact.id,
        fact.key,
        fact.revision,
        fact.type,
        fact.payload,
        fact.traceparent,
    )


class PgOutbox:
    """The rows of the outbox, as a relay sees them."""

    def __init__(self, pool: Pool) -> None:
        self._statements = Statements(pool)

    async def claim(
        self, destination: str, after_key: str, limit: int, lease: float
    ) -> Sequence[ClaimedFact]:
        """Lease due heads of keys; see the port."""
        rows = await self._statements.fetch(CLAIM, destination, after_key, limit, lease, FOLLOWERS)
        return [
            ClaimedFact(row["seq"], row["epoch"], row["failures"], _fact(row, destination))
            for row in rows
        ]

    async def accepted(self, claimed: Sequence[ClaimedFact]) -> None:
        """Remove what was taken. In any epoch: what stands over there stands."""
        await self._statements.fetch(_ACCEPTED, [row.seq for row in claimed])

    async def postpone(self, postponed: Sequence[Postponed]) -> None:
        """Set when to try again."""
        await self._statements.fetch(
            _POSTPONE,
            [row.claimed.seq for row in postponed],
            [row.claimed.epoch for row in postponed],
            [row.after for row in postponed],
            [row.error for row in postponed],
        )

    async def reject(self, rejected: Sequence[Rejected]) -> None:
        """Move to the dead letters, in one statement."""
        await self._statements.fetch(
            _REJECT,
            [row.claimed.seq for row in rejected],
            [row.claimed.epoch for row in rejected],
            [row.reason for row in rejected],
        )


class Relay(RelayLoop):
    """The relay from this service's PostgreSQL outbox to one destination."""

    def __init__(
        self,
        pool: Pool,
        destination: str,
        deliver: Deliver,
        *,
        wakeups: Wakeups | None = None,
        clock: Clock | None = None,
        batch: int = 64,
        concurrency: int = 2,
        lease: float = 30.0,
        deliver_timeout: float = 10.0,
        poll: float = 1.0,
        backoff: Backoff | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        super().__init__(
            PgOutbox(pool),
            destination,
            deliver,
            wakeups=wakeups,
            clock=clock,
            batch=batch,
            concurrency=concurrency,
            lease=lease,
            deliver_timeout=deliver_timeout,
            poll=poll,
            backoff=backoff,
            jitter=jitter,
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one destination; ``failing`` were postponed at least once."""

    destination: str
    facts: int
    failing: int
    oldest_seconds: float


async def backlog(pool: Pool) -> list[Backlog]:
    """Return what waits, by destination; a destination with nothing is left out."""
    return [Backlog(**dict(row)) for row in await pool.fetch(_BACKLOG)]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A fact that its destination can never take, for a person to look at."""

    seq: int
    destination: str
    fact: FactRecord
    reason: str
    dead_at: datetime


async def dead_letters(conn: Connection, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
    """Return a page of dead letters with ``seq`` greater than ``after``."""
    return [
        DeadLetter(
            row["seq"],
            row["destination"],
            _fact(row, row["destination"]),
            row["reason"],
            row["dead_at"],
        )
        for row in await conn.fetch(_DEAD_LETTERS, after, limit)
    ]


async def revive(conn: Connection, seq: int) -> bool:
    """Send a dead letter once more, behind what its key has waiting. False if there is none."""
    destination = await conn.fetchval(_REVIVE, seq)
    if destination is None:
        return False
    after_commit(topic(destination))
    return True


def _fact(row: asyncpg.Record, destination: str) -> FactRecord:
    return FactRecord(
        id=row["fact_id"],
        key=row["fact_key"],
        revision=row["revision"],
        type=row["type"],
        payload=row["payload"],
        destinations=(destination,),
        traceparent=row["traceparent"],
    )
