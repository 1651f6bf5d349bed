"""The SQL of what is told of budgets: what was told last, and the facts on their way out."""

from collections.abc import Mapping, Sequence

from services.chassis import outbox
from services.chassis.db import Connection
from services.pricing.costs.notices import Notice
from services.pricing.costs.store.codec import Codec

_READ = """
SELECT budget, revision, budget_revision, content FROM budget_notices
WHERE budget = ANY($1::text[])"""
_SAVE = """
INSERT INTO budget_notices (budget, revision, budget_revision, content) VALUES ($1, $2, $3, $4)
ON CONFLICT (budget) DO UPDATE SET revision = excluded.revision,
    budget_revision = excluded.budget_revision, content = excluded.content"""


class NoticeSql:
    """Notices on PostgreSQL, within one transaction."""

    _connection: Connection
    _codec: Codec

    async def notices(self, budgets: Sequence[str]) -> Mapping[str, Notice]:
        """Return what was told last of these budgets."""
        rows = await self._connection.fetch(_READ, list(budgets))
        return {
            row["budget"]: self._codec.decode_notice(
                row["revision"], row["budget_revision"], row["content"]
            )
            for row in rows
        }

    async def tell(self, notice: Notice) -> None:
        """Keep a notice as the last one, and have it delivered after the commit."""
        fact = self._codec.notice_fact(notice)
        await self._connection.execute(
            _SAVE, notice.budget, notice.revision, notice.budget_revision, fact.payload
        )
        await outbox.append(self._connection, [fact])
