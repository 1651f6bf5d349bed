"""The SQL of rate cards."""

from services.chassis.db import Connection
from services.pricing.ratecard_file import stored_rate_card
from services.pricing.rates import RateCard

_ACTIVE = "SELECT version FROM active_rate_card"
_CONTENT = "SELECT content FROM rate_cards WHERE version = $1"
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
        version = await self._connection.fetchval(_ACTIVE)
        if version is None:
            return None
        kept = self._cards.kept
        if kept is not None and kept.version == version:
            return kept
        self._cards.kept = stored_rate_card(await self._connection.fetchval(_CONTENT, version))
        return self._cards.kept

    async def add_rate_card(self, card: RateCard) -> bool:
        """Store a version; False if it was there already."""
        return bool(await self._connection.fetchval(_ADD, card.version, card.content))

    async def activate_rate_card(self, card: RateCard) -> None:
        """Put a stored version in force."""
        await self._connection.execute(_ACTIVATE, card.version)
