"""SQL of grants, and of the money that earns them or is taken back."""

from collections.abc import Sequence

from services.chassis.db import Connection
from services.subscription.domain import UnitKey
from services.subscription.granting import PaidInvoice, Reversal
from services.subscription.incoming import PaymentReversed, ReversalKind
from services.subscription.ledger import Grant, Part, Pool
from services.subscription.store.rows import Row

_ADD = """
INSERT INTO credit_grants (name, account, pool, subscription, period_start, period_end, granted,
    remaining, held, spent, expired, reversed, closed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT DO NOTHING RETURNING true"""
_GRANT = "SELECT * FROM credit_grants WHERE name = $1"
_GRANTS = "SELECT * FROM credit_grants WHERE account = $1 AND pool = $2 ORDER BY sequence"
_SAVE = """
UPDATE credit_grants SET remaining = $2, held = $3, spent = $4, expired = $5, reversed = $6,
    closed = $7 WHERE name = $1"""
# Those that a renewal closes first, then those given by hand; older ones first.
_TAKE = """
WITH open AS (
    SELECT name, remaining, sum(remaining) OVER (
        ORDER BY subscription = '', sequence ROWS UNBOUNDED PRECEDING) - remaining AS before
    FROM credit_grants WHERE account = $1 AND pool = $2 AND remaining > 0
), shares AS (
    SELECT name, least(remaining, $3 - before)::bigint AS share FROM open WHERE before < $3
)
UPDATE credit_grants g SET
    remaining = g.remaining - s.share,
    held = g.held + CASE WHEN $4 THEN s.share ELSE 0 END,
    spent = g.spent + CASE WHEN $4 THEN 0 ELSE s.share END
FROM shares s WHERE g.name = s.name RETURNING g.name, s.share"""
_SETTLE = """
UPDATE credit_grants g SET
    held = g.held - p.share,
    spent = g.spent + CASE WHEN $3 THEN p.share ELSE 0 END,
    remaining = g.remaining + CASE WHEN NOT $3 AND NOT g.closed THEN p.share ELSE 0 END,
    expired = g.expired + CASE WHEN NOT $3 AND g.closed THEN p.share ELSE 0 END
FROM unnest($1::text[], $2::bigint[]) AS p(name, share) WHERE g.name = p.name
RETURNING CASE WHEN NOT $3 AND g.closed THEN p.share ELSE 0 END AS expired"""
_INVOICE = "SELECT * FROM invoices WHERE account = $1 AND invoice_id = $2"
_ADD_REVERSAL = """
INSERT INTO credit_reversals (provider, provider_account, reversal_id, kind, customer_id,
    invoice_id, checkout_id, currency, amount, paid, reverse_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"""
_OF_GRANT = "SELECT * FROM credit_reversals WHERE granted = $1 AND granted <> ''"
_REVERSAL = "SELECT * FROM credit_reversals WHERE reversal_id = $1 AND kind = $2"
_SAVE_REVERSAL = """
UPDATE credit_reversals SET granted = $3, taken = $4, owed = $5
WHERE reversal_id = $1 AND kind = $2"""


class GrantSql:
    """Grants and reversals on PostgreSQL, within one transaction; see the port."""

    _connection: Connection

    async def add_grant(self, grant: Grant) -> bool:
        """Add a grant; False if it stands."""
        return bool(
            await self._connection.fetchval(
                _ADD,
                grant.name,
                grant.pool.account,
                grant.pool.name,
                grant.subscription,
                grant.period_start,
                grant.period_end,
                grant.granted,
                grant.remaining,
                grant.held,
                grant.spent,
                grant.expired,
                grant.reversed,
                grant.closed,
            )
        )

    async def grant(self, name: str) -> Grant | None:
        """Return a grant."""
        row = await self._connection.fetchrow(_GRANT, name)
        return to_grant(row) if row is not None else None

    async def grants(self, pool: Pool) -> Sequence[Grant]:
        """Return the grants of a pool, oldest first."""
        rows = await self._connection.fetch(_GRANTS, pool.account, pool.name)
        return [to_grant(row) for row in rows]

    async def save_grant(self, grant: Grant) -> None:
        """Write a grant."""
        await self._connection.execute(
            _SAVE,
            grant.name,
            grant.remaining,
            grant.held,
            grant.spent,
            grant.expired,
            grant.reversed,
            grant.closed,
        )

    async def take_from_grants(self, pool: Pool, amount: int, *, held: bool) -> Sequence[Part]:
        """Take an amount out of what remains."""
        rows = await self._connection.fetch(_TAKE, pool.account, pool.name, amount, held)
        return [Part(row["name"], row["share"]) for row in rows]

    async def settle_held(self, parts: Sequence[Part], *, spent: bool) -> int:
        """Spend what grants hold, or give it back; return what has expired by that."""
        names, shares = [part.grant for part in parts], [part.amount for part in parts]
        rows = await self._connection.fetch(_SETTLE, names, shares, spent)
        return sum(row["expired"] for row in rows)

    async def invoice_paid(self, account: str, invoice_id: str) -> PaidInvoice | None:
        """Return a paid invoice."""
        row = await self._connection.fetchrow(_INVOICE, account, invoice_id)
        return to_invoice(row) if row is not None else None

    async def add_reversal(self, fact: PaymentReversed) -> None:
        """Keep that money moved, once."""
        customer = fact.payer.customer
        await self._connection.execute(
            _ADD_REVERSAL,
            customer.provider,
            customer.provider_account,
            fact.reversal_id,
            fact.kind.value,
            customer.customer_id,
            fact.invoice_id,
            fact.checkout_id,
            fact.amount.currency,
            fact.amount.minor_units,
            fact.paid.minor_units,
            fact.reverse_time,
        )

    async def applied_reversals(self, grant: str) -> Sequence[Reversal]:
        """Return what was applied to a grant."""
        return [to_reversal(row) for row in await self._connection.fetch(_OF_GRANT, grant)]

    async def reversal(self, reversal_id: str, kind: ReversalKind) -> Reversal | None:
        """Return a movement of money."""
        row = await self._connection.fetchrow(_REVERSAL, reversal_id, kind.value)
        return to_reversal(row) if row is not None else None

    async def save_reversal(self, reversal: Reversal) -> None:
        """Write what a reversal did."""
        await self._connection.execute(
            _SAVE_REVERSAL,
            reversal.reversal_id,
            reversal.kind.value,
            reversal.grant,
            reversal.taken,
            reversal.owed,
        )


def to_grant(row: Row) -> Grant:
    """Read a grant."""
    return Grant(
        name=row["name"],
        pool=Pool(row["account"], row["pool"]),
        granted=row["granted"],
        remaining=row["remaining"],
        subscription=row["subscription"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        held=row["held"],
        spent=row["spent"],
        expired=row["expired"],
        reversed=row["reversed"],
        closed=row["closed"],
    )


def to_invoice(row: Row) -> PaidInvoice:
    """Read a paid invoice."""
    key = UnitKey(row["provider"], row["provider_account"], row["provider_subscription_id"])
    return PaidInvoice(
        invoice_id=row["invoice_id"],
        subscription=key.subscription_name,
        billing_reason=row["billing_reason"],
        paid=row["paid"],
        period_start=row["period_start"],
        period_end=row["period_end"],
    )


def to_reversal(row: Row) -> Reversal:
    """Read a movement of money."""
    return Reversal(
        reversal_id=row["reversal_id"],
        kind=ReversalKind(row["kind"]),
        invoice_id=row["invoice_id"],
        checkout_id=row["checkout_id"],
        amount=row["amount"],
        paid=row["paid"],
        grant=row["granted"],
        taken=row["taken"],
        owed=row["owed"],
    )
