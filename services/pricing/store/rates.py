"""The SQL of rate cards."""

from services.chassis.db import Connection
from services.pricing.ratecard_file import stored_rate_card
from services.pricing.rates import RateCard

# The content only for who does not have it.
_ACTIVE = """
SELECT version, CASE WHEN version <> $1 THEN content END AS content
FROM active_rate_card JOIN rate_cards USING (version)"""
_ADD = """
INSERT INTO rate_cards (version, content) VALUES ($1, $2)
ON CONFLICT DO NOTHING RETURNING true"""
_ACTIVATE = """
INSERT INTO active_rate_card (version) VALUES ($1)
ON CONFLICT (single) DO UPDATE SET version = excluded.version, activate_time = now()
WHERE active_rate_card.version <> excluded.version"""


class CardCache:
    """The rate card that was used last: a version cannot change, so every replica may keep it."""

    def __init__(self) -> None:
        self.kept: RateCard | None = None


class RateSql:
    """Rate cards on PostgreSQL, within one transaction."""

    _connection: Connection
    _cards: CardCache

    async def rate_card(self) -> RateCard | None:
        """Return the version in force."""
        kept = self._cards.kept
        row = await self._connection.fetchrow(_ACTIVE, "" if kept is None else kept.version)
        if row is None:
            return None
        if kept is None or row["content"] is not None:
            kept = self._cards.kept = stored_rate_card(row["content"])
        return kept

    async def add_rate_card(self, card: RateCard) -> bool:
        """Store a version; False if it was there already."""
        return bool(await self._connection.fetchval(_ADD, card.version, card.content))

    async def activate_rate_card(self, card: RateCard) -> None:
        """Put a stored version in force."""
        await self._connection.execute(_ACTIVATE, card.version)
