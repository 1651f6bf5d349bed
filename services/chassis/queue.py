"""The reconcile queue in PostgreSQL: one row a key, leased to one run at a time.

The higher priority goes first. So that a flood of it keeps nothing else waiting without end, a
worker that has more to do than it can takes, one time in eight, what has waited longest whatever
its priority (``working.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.backoff import Backoff, Jitter, system_jitter
from services.chassis.clock import Clock
from services.chassis.db import UNHURRIED, Connection, Pool, Statements
from services.chassis.wakeups import Wakeups, after_commit
from services.chassis.working import (
    Again,
    ClaimedKey,
    Done,
    Handle,
    Job,
    Lease,
    Outcome,
    WorkerLoop,
    topic,
)

__all__ = [
    "Again",
    "Depth",
    "Done",
    "Job",
    "Lease",
    "Outcome",
    "PgQueue",
    "Worker",
    "asked",
    "depth",
    "enqueue",
    "enqueue_from",
    "enqueue_rows",
    "holds",
    "topic",
    "withdrawal",
]

# While a key runs its due_at is the end of its lease, so what is asked for goes to next_at.
_ONCE_MORE = """
ON CONFLICT (queue, key) DO UPDATE SET
    generation = excluded.generation,
    priority = greatest(known.priority, excluded.priority),
    due_at = CASE WHEN known.running THEN known.due_at
                  ELSE least(known.due_at, excluded.due_at) END,
    next_at = CASE WHEN known.running THEN least(known.next_at, excluded.due_at)
                   ELSE known.next_at END
"""

# Sorted, so that two transactions with overlapping keys do not deadlock.
_ENQUEUE = f"""
INSERT INTO reconcile_queue AS known (queue, key, priority, due_at)
SELECT $1, key, $3, now() + make_interval(secs => $4)
FROM (SELECT DISTINCT key FROM unnest($2::text[]) AS key) keys ORDER BY key
{_ONCE_MORE}
"""  # noqa: S608 - built of constants

# Here and below keys are given as one array, and not joined: a plan that was made while the queue
# was empty joins by reading all that waits for each of them, and is kept when it is full.
_LEASED = """
    UPDATE reconcile_queue SET
        running = true, epoch = nextval('reconcile_epoch'),
        due_at = now() + make_interval(secs => $3),
        next_at = CASE WHEN next_at > now() THEN next_at ELSE 'infinity' END
    WHERE queue = $1 AND key = ANY(ARRAY(SELECT key FROM due))
"""

# One probe of the index for each priority. A row that a fencing transaction holds is skipped.
CLAIM = f"""
WITH due AS MATERIALIZED (
    SELECT one.key, one.due_at AS was_due, place
    FROM unnest($4::smallint[]) WITH ORDINALITY AS wanted (priority, place)
    CROSS JOIN LATERAL (
        SELECT key, due_at FROM reconcile_queue
        WHERE queue = $1 AND priority = wanted.priority AND due_at <= now()
        ORDER BY due_at LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) one
    LIMIT $2
), claimed AS ({_LEASED}
    RETURNING key, generation, epoch, failures
)
SELECT key, generation, epoch, failures FROM claimed JOIN due USING (key)
ORDER BY place, was_due, key
"""  # noqa: S608 - built of constants

# Looks at the head of each priority and locks the one that it takes, so that others get the rest.
CLAIM_OLDEST = f"""
WITH oldest AS MATERIALIZED (
    SELECT one.key
    FROM unnest($2::smallint[]) AS wanted (priority)
    CROSS JOIN LATERAL (
        SELECT key, due_at FROM reconcile_queue
        WHERE queue = $1 AND priority = wanted.priority AND due_at <= now()
        ORDER BY due_at LIMIT 1
    ) one
    ORDER BY one.due_at LIMIT 1
), due AS MATERIALIZED (
    SELECT key FROM reconcile_queue
    WHERE queue = $1 AND key = (SELECT key FROM oldest) AND due_at <= now()
    FOR UPDATE SKIP LOCKED
)
{_LEASED}
RETURNING key, generation, epoch, failures
"""  # noqa: S608 - built of constants

_PRIORITIES = list(range(9, -1, -1))

_RENEW = """
UPDATE reconcile_queue AS mine SET due_at = now() + make_interval(secs => $4)
FROM unnest($2::text[], $3::bigint[]) AS held (key, epoch)
WHERE mine.queue = $1 AND mine.key = ANY($2::text[]) AND mine.key = held.key
    AND mine.epoch = held.epoch AND running
RETURNING mine.key, mine.epoch
"""

# Lost with the server, it leaves a lease that runs out, and the key is looked at once more.
_FINISH = f"""
DELETE FROM reconcile_queue
WHERE queue = $1 AND key = $2 AND epoch = $3 AND generation = $4
    AND running AND next_at = 'infinity'
RETURNING {UNHURRIED}
"""  # noqa: S608 - built of constants

_RELEASE = """
UPDATE reconcile_queue SET
    running = false, failures = 0, last_error = '', next_at = 'infinity',
    due_at = CASE WHEN next_at = 'infinity' THEN now() ELSE next_at END
WHERE queue = $1 AND key = $2 AND epoch = $3 AND running
"""

_AGAIN = """
UPDATE reconcile_queue SET
    running = false, next_at = 'infinity',
    due_at = least(next_at, now() + make_interval(secs => $4)),
    failures = CASE WHEN $5::text IS NULL THEN 0 ELSE failures + 1 END,
    last_error = coalesce($5::text, '')
WHERE queue = $1 AND key = $2 AND epoch = $3 AND running
"""

# KEY SHARE: claims (FOR UPDATE SKIP LOCKED) pass this row by until the transaction ends, enqueues
# go through. The clock, not now(), which stands still in a transaction.
_HOLDS = """
SELECT due_at > clock_timestamp() FROM reconcile_queue
WHERE queue = $1 AND key = $2 AND epoch = $3 AND running
FOR KEY SHARE
"""

_DEPTH = """
SELECT count(*) AS keys, count(*) FILTER (WHERE running) AS running,
    count(*) FILTER (WHERE failures > 0) AS failing,
    count(*) FILTER (WHERE NOT running AND due_at <= now()) AS due,
    coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE NOT running AND due_at <= now())),
        0)::float8 AS oldest_due_seconds
FROM reconcile_queue WHERE queue = $1
"""


async def enqueue(
    conn: Connection,
    queue: str,
    keys: Sequence[str],
    *,
    due_in: float = 0.0,
    priority: int = 0,
) -> None:
    """Ask, in the caller's transaction, for a run that begins after it commits.

    A key that waits already keeps the earlier due time and the higher priority (0 to 9, higher
    first); a later time that was asked for is not kept beside it, so a handler that wants to look
    again at a time answers ``Again``. ``due_in`` is in seconds.
    """
    if not keys:
        return
    await conn.execute(_ENQUEUE, queue, list(keys), priority, max(0.0, due_in))
    if due_in <= 0:
        after_commit(topic(queue))


def enqueue_from(source: str, key: str, queue: str, *, priority: int = 0) -> str:
    """Return the INSERT that asks for runs at once, as a part of the statement that calls for them.

    ``source`` is a CTE of that statement with a row for each ``key``, no key twice; ``queue`` is a
    parameter, ``priority`` as in ``enqueue``. Who sends the statement wakes the queue's ``topic``
    after its commit.
    """
    return f"""
INSERT INTO reconcile_queue AS known (queue, key, priority, due_at)
SELECT {queue}::text, {key}, {priority:d}, now() FROM {source} ORDER BY {key}
{_ONCE_MORE}
"""  # noqa: S608 - built of constants


def enqueue_rows(source: str, queue: str) -> str:
    """Return the INSERT that asks for runs, as a part of a statement; see ``enqueue_from``.

    A row of ``source`` has a ``key``, its ``priority``, and ``due_in``, in how many seconds.
    """
    return f"""
INSERT INTO reconcile_queue AS known (queue, key, priority, due_at)
SELECT {queue}::text, key, priority, now() + make_interval(secs => due_in)
FROM {source} ORDER BY key
{_ONCE_MORE}
"""  # noqa: S608 - built of constants


def asked(keys: str, queue: str) -> str:
    """Return the SELECT of ``key`` and ``generation`` of those keys that wait, for a statement.

    ``keys`` is a subselect, ``queue`` a parameter, as in ``withdrawal``. What the same statement
    reads of the things that were enqueued is all that was asked for up to these generations.
    """
    return f"""
SELECT key, generation FROM reconcile_queue
WHERE queue = {queue}::text AND key = ANY(ARRAY({keys})) AND NOT running
"""  # noqa: S608 - built of constants


def withdrawal(queue: str, keys: str, generations: str) -> str:
    """Return the DELETE of keys that were handled elsewhere, as a part of a statement.

    A key of which more was asked for since that generation stays, and so does one that somebody is
    at: whoever handles it then finds nothing to do.
    """
    return f"""
DELETE FROM reconcile_queue WHERE queue = {queue}::text AND key = ANY(ARRAY(
    SELECT known.key FROM reconcile_queue known
    JOIN unnest({keys}::text[], {generations}::bigint[]) AS given (key, generation)
        ON known.key = given.key AND known.generation = given.generation
    WHERE known.queue = {queue}::text AND known.key = ANY({keys}::text[]) AND NOT known.running
    FOR UPDATE OF known SKIP LOCKED))
"""  # noqa: S608 - built of constants


async def holds(conn: Connection, queue: str, key: str, epoch: int) -> bool:
    """Tell whether the run of this epoch still holds the key; nobody gets it before the commit."""
    return bool(await conn.fetchval(_HOLDS, queue, key, epoch))


class PgQueue:
    """The rows of the queue, as a worker sees them."""

    def __init__(self, pool: Pool) -> None:
        self._statements = Statements(pool)

    async def claim(self, queue: str, limit: int, lease: float) -> Sequence[ClaimedKey]:
        """Lease due keys; see the port."""
        return await self._claimed(CLAIM, queue, limit, lease, _PRIORITIES)

    async def claim_oldest(self, queue: str, lease: float) -> Sequence[ClaimedKey]:
        """Lease the longest due key; see the port."""
        return await self._claimed(CLAIM_OLDEST, queue, _PRIORITIES, lease)

    async def renew(
        self, queue: str, held: Sequence[tuple[str, int]], lease: float
    ) -> set[tuple[str, int]]:
        """Prolong leases, also one that ran out and that nobody took."""
        # Sorted like the keys of an enqueue, against deadlocks.
        held = sorted(held)
        keys = [key for key, _ in held]
        epochs = [epoch for _, epoch in held]
        rows = await self._statements.fetch(_RENEW, queue, keys, epochs, lease)
        return {(row["key"], row["epoch"]) for row in rows}

    async def finish(self, queue: str, claimed: ClaimedKey) -> bool:
        """Remove the key if nothing was asked for since, else release it."""
        removed = await self._statements.fetch(
            _FINISH, queue, claimed.key, claimed.epoch, claimed.generation
        )
        if not removed:
            await self._statements.fetch(_RELEASE, queue, claimed.key, claimed.epoch)
        return bool(removed)

    async def again(self, queue: str, claimed: ClaimedKey, after: float, error: str | None) -> None:
        """Release the key, due later."""
        await self._statements.fetch(
            _AGAIN, queue, claimed.key, claimed.epoch, max(0.0, after), error
        )

    async def holds(self, conn: Connection, queue: str, claimed: ClaimedKey) -> bool:
        """Ask in the caller's transaction."""
        return await holds(conn, queue, claimed.key, claimed.epoch)

    async def _claimed(self, sql: str, *args: object) -> Sequence[ClaimedKey]:
        rows = await self._statements.fetch(sql, *args)
        return [
            ClaimedKey(row["key"], row["generation"], row["epoch"], row["failures"]) for row in rows
        ]


class Worker(WorkerLoop):
    """The worker of one of this service's PostgreSQL queues."""

    def __init__(
        self,
        pool: Pool,
        queue: str,
        handle: Handle,
        *,
        wakeups: Wakeups | None = None,
        clock: Clock | None = None,
        concurrency: int = 8,
        lease: float = 30.0,
        longest_run: float = 600.0,
        poll: float = 1.0,
        backoff: Backoff | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        super().__init__(
            PgQueue(pool),
            queue,
            handle,
            wakeups=wakeups,
            clock=clock,
            concurrency=concurrency,
            lease=lease,
            longest_run=longest_run,
            poll=poll,
            backoff=backoff,
            jitter=jitter,
        )


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds: all keys, those that run, fail, and are due, and how long the oldest."""

    keys: int
    running: int
    failing: int
    due: int
    oldest_due_seconds: float


async def depth(pool: Pool, queue: str) -> Depth:
    """Count what a queue holds."""
    row = await pool.fetchrow(_DEPTH, queue)
    assert row is not None, "an aggregate has a row"  # noqa: S101
    return Depth(**dict(row))
