"""SQL of the credit ledger: the postings, and reading them."""

from collections.abc import Sequence

import asyncpg

from services.chassis.db import Connection
from services.subscription.ledger import (
    Balance,
    DuplicateEntry,
    Entry,
    Hold,
    HoldState,
    Movement,
    Part,
    Pool,
    Posting,
)

# A row that is there is written as it is, which locks it.
_OPEN = """
INSERT INTO credit_pools AS known (account, pool) VALUES ($1, $2)
ON CONFLICT (account, pool) DO UPDATE SET posted = known.posted"""
_BALANCE = """
SELECT posted, held, debt, (
    SELECT max(g.period_end) FROM credit_grants g
    WHERE g.account = p.account AND g.pool = p.pool AND NOT g.closed
) AS period_end
FROM credit_pools p WHERE account = $1 AND pool = $2"""
# The condition is judged again on the newest row after waiting for another debit.
_POST = """
WITH moved AS (
    UPDATE credit_pools SET posted = posted + $3, held = held + $4, debt = debt + $5,
        last_sequence = last_sequence + 1
    WHERE account = $1 AND pool = $2 AND (posted + $3) - (held + $4) >= 0
    RETURNING last_sequence, posted, held
)
INSERT INTO credit_entries (name, account, pool, sequence, movement, amount, debit_side,
    credit_side, posted, held, reference, actor, reason, trace_id)
SELECT $6, $1, $2, last_sequence, $7, $8, $9, $10, posted, held, $11, $12, $13, $14 FROM moved
RETURNING *"""
_ENTRY = "SELECT * FROM credit_entries WHERE name = $1"
_ENTRIES = """
SELECT * FROM credit_entries WHERE account = $1 AND pool = $2 AND sequence > $3
ORDER BY sequence LIMIT $4"""
_ADD_HOLD = """
INSERT INTO credit_holds (name, account, pool, amount, reference, state, expire_time, create_time,
    parts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
_HOLD = "SELECT * FROM credit_holds WHERE name = $1"
_LEAVE = "UPDATE credit_holds SET state = $2 WHERE name = $1 AND state = 'HELD' RETURNING *"
_EXPIRED = """
SELECT name FROM credit_holds WHERE state = 'HELD' AND expire_time <= now()
ORDER BY expire_time LIMIT $1"""


class LedgerSql:
    """Postings and holds on PostgreSQL, within one transaction; see the port."""

    _connection: Connection

    async def open_pool(self, pool: Pool) -> None:
        """Make the row of a pool if there is none, and lock it."""
        await self._connection.execute(_OPEN, pool.account, pool.name)

    async def balance(self, pool: Pool) -> Balance:
        """Return what an account may spend."""
        row = await self._connection.fetchrow(_BALANCE, pool.account, pool.name)
        if row is None:
            return Balance(pool)
        return Balance(pool, row["posted"], row["held"], row["debt"], row["period_end"])

    async def post(self, posting: Posting) -> Entry | None:
        """Enter a posting, once; None if it would overspend."""
        move, amount = posting.move, posting.amount
        try:
            row = await self._connection.fetchrow(
                _POST,
                posting.pool.account,
                posting.pool.name,
                move.posted * amount,
                move.held * amount,
                move.debt * amount,
                posting.name,
                posting.movement.value,
                amount,
                move.debit.value,
                move.credit.value,
                posting.reference,
                posting.actor,
                posting.reason,
                posting.trace_id,
            )
        except asyncpg.UniqueViolationError as error:
            raise DuplicateEntry(posting.name) from error
        return _entry(row) if row is not None else None

    async def entry(self, name: str) -> Entry | None:
        """Return an entry."""
        row = await self._connection.fetchrow(_ENTRY, name)
        return _entry(row) if row is not None else None

    async def list_entries(self, pool: Pool, after: int, limit: int) -> Sequence[Entry]:
        """Return entries with sequences above ``after``, in order."""
        rows = await self._connection.fetch(_ENTRIES, pool.account, pool.name, after, limit)
        return [_entry(row) for row in rows]

    async def add_hold(self, hold: Hold) -> None:
        """Add a hold."""
        await self._connection.execute(
            _ADD_HOLD,
            hold.name,
            hold.pool.account,
            hold.pool.name,
            hold.amount,
            hold.reference,
            hold.state.value,
            hold.expire_time,
            hold.create_time,
            [[part.grant, part.amount] for part in hold.parts],
        )

    async def hold(self, name: str) -> Hold | None:
        """Return a hold."""
        row = await self._connection.fetchrow(_HOLD, name)
        return _hold(row) if row is not None else None

    async def leave_held(self, name: str, state: HoldState) -> Hold | None:
        """Let a hold leave HELD, once; None if it has left it."""
        row = await self._connection.fetchrow(_LEAVE, name, state.value)
        return _hold(row) if row is not None else None

    async def expired_holds(self, limit: int) -> Sequence[str]:
        """Return holds whose time is over."""
        return [row["name"] for row in await self._connection.fetch(_EXPIRED, limit)]


def _entry(row: asyncpg.Record) -> Entry:
    posting = Posting(
        name=row["name"],
        pool=Pool(row["account"], row["pool"]),
        movement=Movement(row["movement"]),
        amount=row["amount"],
        reference=row["reference"],
        actor=row["actor"],
        reason=row["reason"],
        trace_id=row["trace_id"],
    )
    return Entry(posting, row["sequence"], row["posted"], row["held"], row["create_time"])


def _hold(row: asyncpg.Record) -> Hold:
    return Hold(
        name=row["name"],
        pool=Pool(row["account"], row["pool"]),
        amount=row["amount"],
        reference=row["reference"],
        state=HoldState(row["state"]),
        expire_time=row["expire_time"],
        create_time=row["create_time"],
        parts=tuple(Part(grant, amount) for grant, amount in row["parts"]),
    )
