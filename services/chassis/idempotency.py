"""Idempotency keys: the first answer of a mutation, stored in the transaction of its effect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from services.chassis.db import Connection
from services.chassis.errors import Aborted, InvalidArgument

KEPT = timedelta(days=30)

_CLAIM = """
INSERT INTO idempotency (account, actor, rpc, key, request_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING true
"""

_READ = """
SELECT request_hash, answer FROM idempotency
WHERE account = $1 AND actor = $2 AND rpc = $3 AND key = $4
"""

_STORE = """
UPDATE idempotency SET answer = $5
WHERE account = $1 AND actor = $2 AND rpc = $3 AND key = $4
"""

_PURGE = """
DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM idempotency WHERE created_at < now() - $1::interval LIMIT $2
    FOR UPDATE SKIP LOCKED))
RETURNING true
"""

_SWAP_TIMEOUT = "SELECT set_config('lock_timeout', $1, true)"


class IdempotencyConflict(InvalidArgument):
    """The key was used for another request."""

    reason = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key is unique within. An empty ``key`` says that each call is a new operation."""

    account: str
    actor: str
    rpc: str
    key: str


async def once(
    conn: Connection,
    scope: Scope,
    request_hash: bytes,
    produce: Callable[[], Awaitable[bytes]],
    *,
    wait: float = 2.0,
) -> bytes:
    """Return the stored answer, or make it with ``produce`` and store it in this transaction.

    While another transaction works under the same key this one waits, up to ``wait`` seconds, and
    then raises Aborted. If ``produce`` raises, nothing is stored. What is stored is ids, never a
    secret. The caller authorises a replay like the first call.
    """
    if not scope.key:
        return await produce()
    # A row may be purged between the two looks; then the key is free again.
    while True:
        if await _claim(conn, scope, request_hash, wait):
            answer = await produce()
            await conn.execute(_STORE, *_key(scope), answer)
            return answer
        first = await conn.fetchrow(_READ, *_key(scope))
        if first is not None:
            return _replay(scope, request_hash, first)


async def _claim(conn: Connection, scope: Scope, request_hash: bytes, wait: float) -> bool:
    before = await conn.fetchval("SELECT current_setting('lock_timeout')")
    await conn.execute(_SWAP_TIMEOUT, f"{max(1, round(wait * 1000))}ms")
    try:
        claimed = await conn.fetchval(_CLAIM, *_key(scope), request_hash)
    except asyncpg.LockNotAvailableError as exc:
        raise Aborted(
            "The same request is still being worked on; try again.",
            reason="REQUEST_IN_PROGRESS",
            retry_after=1.0,
        ) from exc
    await conn.execute(_SWAP_TIMEOUT, before)
    return bool(claimed)


def _replay(scope: Scope, request_hash: bytes, first: asyncpg.Record) -> bytes:
    if first["request_hash"] != request_hash:
        raise IdempotencyConflict(
            f"The idempotency key {scope.key!r} was used for another request.",
            metadata={"idempotency_key": scope.key},
        )
    answer: bytes = first["answer"]
    return answer


def _key(scope: Scope) -> tuple[str, str, str, str]:
    return scope.account, scope.actor, scope.rpc, scope.key


async def purge(conn: Connection, *, older_than: timedelta = KEPT, limit: int = 1000) -> int:
    """Forget up to ``limit`` answers that are older; return how many that were."""
    return len(await conn.fetch(_PURGE, older_than, limit))
