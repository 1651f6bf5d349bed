"""The SQL of observations, and of the records that follow from them."""

from collections.abc import Sequence

from services.chassis import inbox
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.pricing.costs.domain import CostRecord, Observation
from services.pricing.costs.ports import RecordQuery
from services.pricing.costs.rating import CardHistory
from services.pricing.costs.store.codec import Codec
from services.pricing.costs.store.rows import COLUMNS, Conditions, record_of, row_of
from services.pricing.ratecard_file import stored_rate_card
from services.pricing.rates import RateCard

_LOCK_TENANT = "SELECT pg_advisory_xact_lock(hashtextextended('costs of ' || $1, 0))"
_ADD = """
INSERT INTO cost_observations (tenant, revision, content) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING true"""
_READ = "SELECT revision, content FROM cost_observations WHERE tenant = $1 ORDER BY revision"
_ACTIVATIONS = """
SELECT version, extract(epoch FROM date_trunc('second', activate_time))::bigint AS second
FROM rate_card_activations ORDER BY activate_time, sequence"""
_CARD = "SELECT content FROM rate_cards WHERE version = $1"
_OF_TENANT = f"""
SELECT {", ".join(COLUMNS)}, content FROM cost_records JOIN cost_observations USING (tenant, revision)
WHERE tenant = $1"""  # noqa: S608, E501 - names of columns, all of them constants
_DELETE = "DELETE FROM cost_records WHERE name = ANY($1::text[])"
_WRITE = f"""
INSERT INTO cost_records ({", ".join(COLUMNS)})
VALUES ({", ".join(f"${place}" for place in range(1, len(COLUMNS) + 1))})
ON CONFLICT (name) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in COLUMNS if column != "name")}
"""  # noqa: S608 - as above


class CardsByVersion:
    """Rate cards by version: they cannot change, so every replica may keep them."""

    def __init__(self) -> None:
        self.kept: dict[str, RateCard] = {}


class ObservationSql:
    """Observations and records on PostgreSQL, within one transaction."""

    _connection: Connection
    _codec: Codec
    _cards: CardsByVersion

    async def lock_tenant(self, tenant: str) -> None:
        """Keep everybody else from this tenant's observations and records."""
        await self._connection.execute(_LOCK_TENANT, tenant)

    async def add_observation(self, observation: Observation) -> bool:
        """Store an observation; False if this revision was there already."""
        content = self._codec.encode_observation(observation)
        added = await self._connection.fetchval(
            _ADD, observation.tenant, observation.revision, content
        )
        return bool(added)

    async def observations(self, tenant: str) -> Sequence[Observation]:
        """Return all that was observed of a tenant."""
        rows = await self._connection.fetch(_READ, tenant)
        return [self._codec.decode_observation(row["revision"], row["content"]) for row in rows]

    async def card_history(self) -> CardHistory | None:
        """Return which rate card was in force when."""
        rows = await self._connection.fetch(_ACTIVATIONS)
        cards = [(row["second"], await self._card(row["version"])) for row in rows]
        return CardHistory(cards) if cards else None

    async def _card(self, version: str) -> RateCard:
        card = self._cards.kept.get(version)
        if card is None:
            card = stored_rate_card(await self._connection.fetchval(_CARD, version))
            self._cards.kept[version] = card
        return card

    async def replace_records(self, tenant: str, records: Sequence[CostRecord]) -> None:
        """Make these the records of a tenant."""
        rows = await self._connection.fetch(_OF_TENANT, tenant)
        before = {row["name"]: record_of(row, self._codec) for row in rows}
        gone = before.keys() - {record.name for record in records}
        if gone:
            await self._connection.execute(_DELETE, sorted(gone))
        changed = [row_of(record) for record in records if before.get(record.name) != record]
        if changed:
            await self._connection.executemany(_WRITE, changed)

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact for the version that knows its type."""
        await inbox.keep_unknown(self._connection, fact, source)

    async def records(self, query: RecordQuery) -> Sequence[CostRecord]:
        """Return records, newest first."""
        found = Conditions()
        found.add_filter(query.filter)
        if query.begin is not None:
            found.add("end_second > {}", query.begin)
        if query.end is not None:
            found.add("begin_second < {}", query.end)
        if query.after is not None:
            found.add("(begin_second, name) < ({}, {})", *query.after)
        limit = found.parameter(query.limit)
        statement = f"""
SELECT {", ".join(COLUMNS)}, content FROM (
    SELECT * FROM cost_records {found.where} ORDER BY begin_second DESC, name DESC LIMIT {limit}
) AS page JOIN cost_observations USING (tenant, revision)
ORDER BY begin_second DESC, name DESC"""  # noqa: S608 - constants, and places of parameters
        rows = await self._connection.fetch(statement, *found.parameters)
        return [record_of(row, self._codec) for row in rows]
