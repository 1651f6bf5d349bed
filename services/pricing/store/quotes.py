"""The SQL of quotes."""

from collections.abc import Callable
from dataclasses import dataclass

from services.chassis import idempotency
from services.chassis.db import Connection
from services.chassis.money import Money
from services.pricing.quotes import PlanQuote, Quote, StoredQuote

_LOCK_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended('quotes of ' || $1, 0))"
_ADD = """
INSERT INTO quotes (name, owner, kind, currency, weight, content, create_time, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_READ = "SELECT content, taker, paid FROM quotes WHERE name = $1"
_OPEN = """
SELECT content FROM quotes WHERE kind = $1 AND taker = '' AND expire_time > now()
ORDER BY name LIMIT $2"""
_TAKE = """
UPDATE quotes SET taker = $2, paid = $3, take_time = now()
WHERE name = $1 AND taker = '' RETURNING true"""
_UNPAID = """
SELECT coalesce(sum(weight), 0)::bigint FROM quotes
WHERE owner = $1 AND currency = $2 AND kind = 'deployment' AND taker <> '' AND NOT paid"""


@dataclass(frozen=True, slots=True)
class QuoteCodec:
    """How a quote is kept: the bytes of its message, which this room does not know."""

    encode: Callable[[Quote], bytes]
    decode: Callable[[bytes], Quote]


class QuoteSql:
    """Quotes on PostgreSQL, within one transaction."""

    _connection: Connection
    _codec: QuoteCodec

    async def lock_owner(self, owner: str) -> None:
        """Keep everybody else from taking quotes of this owner."""
        await self._connection.execute(_LOCK_OWNER, owner)

    async def add_quote(self, quote: Quote) -> None:
        """Store a quote."""
        await self._connection.execute(
            _ADD,
            quote.name,
            quote.owner,
            "plan" if isinstance(quote.subject, PlanQuote) else "deployment",
            quote.weight.currency,
            quote.weight.minor_units,
            self._codec.encode(quote),
            quote.create_time,
            quote.expire_time,
        )

    async def quote(self, name: str) -> StoredQuote | None:
        """Return a quote and what became of it."""
        row = await self._connection.fetchrow(_READ, name)
        if row is None:
            return None
        return StoredQuote(self._codec.decode(row["content"]), row["taker"], row["paid"])

    async def open_quotes(self, kind: str, limit: int) -> list[Quote]:
        """Return quotes of a kind that may still be taken, by name, which is by age."""
        rows = await self._connection.fetch(_OPEN, kind, limit)
        return [self._codec.decode(row["content"]) for row in rows]

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> bool:
        """Give an open quote to a taker; False if it has one."""
        return bool(await self._connection.fetchval(_TAKE, name, taker, paid))

    async def unpaid(self, owner: str, currency: str) -> Money:
        """Return what the deployments count together that their owner took unpaid."""
        return Money(currency, await self._connection.fetchval(_UNPAID, owner, currency))

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time."""
        return await idempotency.purge(self._connection)
