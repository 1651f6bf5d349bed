"""SQL of the facts that came."""

from collections.abc import Collection, Sequence
from dataclasses import astuple

from services.chassis import audit, inbox
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.subscription.auditing import Change
from services.subscription.domain import Observation, Purchase, PurchaseStatus, Snapshot, UnitKey
from services.subscription.incoming import InvoicePaid, InvoicePaymentFailed
from services.subscription.store.changes import to_entry
from services.subscription.store.forms import from_appraisal, from_checkout, from_seen
from services.subscription.store.rows import to_purchase, to_snapshot

_REWAIT = "UPDATE inbox_parked SET waiting_for = $2, reason = $3 WHERE fact_id = $1"
_RELEASE = "DELETE FROM inbox_parked WHERE fact_id = $1"

_ADD_PURCHASE = """
INSERT INTO purchases (name, provider, provider_account, customer_id, checkout_id,
    provider_subscription_id, fact_id, checkout, create_time, account, appraisal, unknown_prices,
    status, reason, subscription, barred)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10, ''), $11, $12, $13, $14, $15, $16)
ON CONFLICT DO NOTHING RETURNING true
"""
_PURCHASE = "SELECT * FROM purchases WHERE name = $1"
_SAVE_PURCHASE = """
UPDATE purchases SET account = nullif($2, ''), appraisal = $3, unknown_prices = $4, status = $5,
    reason = $6, subscription = $7, barred = $8
WHERE name = $1
"""
_ADD_INVOICE = """
INSERT INTO invoices (provider, provider_account, invoice_id, customer_id, account,
    provider_subscription_id, billing_reason, currency, paid, period_start, period_end, pay_time)
VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING
"""
_ADD_FAILURE = """
INSERT INTO payment_failures (provider, provider_account, invoice_id, attempt, customer_id,
    provider_subscription_id, failure_code)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_SNAPSHOT = """
SELECT * FROM snapshots
WHERE provider = $1 AND provider_account = $2 AND provider_subscription_id = $3
"""
_WRITE_SNAPSHOT = """
INSERT INTO snapshots AS known (provider, provider_account, provider_subscription_id, customer_id,
    account, revision, fact_id, seen, appraisal, unknown_prices)
VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9, $10)
ON CONFLICT (provider, provider_account, provider_subscription_id) DO UPDATE SET
    customer_id = excluded.customer_id, account = excluded.account, revision = excluded.revision,
    fact_id = excluded.fact_id, seen = excluded.seen, appraisal = excluded.appraisal,
    unknown_prices = excluded.unknown_prices
"""
_SAVE_SNAPSHOT = f"{_WRITE_SNAPSHOT} WHERE known.revision <= excluded.revision"
_PUT_SNAPSHOT = f"""
WITH before AS (
    SELECT fact_id FROM snapshots
    WHERE provider = $1 AND provider_account = $2 AND provider_subscription_id = $3
), put AS (
    {_WRITE_SNAPSHOT} WHERE known.revision < excluded.revision RETURNING true
), released AS (
    DELETE FROM inbox_parked USING before, put WHERE inbox_parked.fact_id = before.fact_id
)
SELECT true FROM put
"""  # noqa: S608 - constants
_PUT_OBSERVATION = """
INSERT INTO observations AS known (tenant, account, incarnation, epoch, generation, revision, phase,
    reason, namespace, observe_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant) DO UPDATE SET
    account = excluded.account, incarnation = excluded.incarnation, epoch = excluded.epoch,
    generation = excluded.generation, revision = excluded.revision, phase = excluded.phase,
    reason = excluded.reason, namespace = excluded.namespace, observe_time = excluded.observe_time
WHERE known.revision < excluded.revision
RETURNING true
"""
_OBSERVE = f"""
WITH seen AS ({_PUT_OBSERVATION}), noted AS ({audit.record_from("seen", 11)}) SELECT true FROM seen
"""  # noqa: S608 - constants
_UNKNOWN_PRICES = """
SELECT provider, unnest(unknown_prices) AS price FROM purchases WHERE unknown_prices <> '{}'
UNION
SELECT provider, unnest(unknown_prices) AS price FROM snapshots WHERE unknown_prices <> '{}'
"""
_WAITING_PURCHASES = """
SELECT * FROM purchases
WHERE unknown_prices <> '{}' AND provider = $1 AND $2 = ANY(unknown_prices) ORDER BY name LIMIT 100
"""
_WAITING_SNAPSHOTS = """
SELECT * FROM snapshots
WHERE unknown_prices <> '{}' AND provider = $1 AND $2 = ANY(unknown_prices)
ORDER BY provider_subscription_id LIMIT 100
"""


class FactSql:
    """Facts that came, on PostgreSQL; see the port."""

    _connection: Connection

    async def remember(self, fact: FactRecord, source: str) -> bool:
        """Note a fact's id; False if it was known."""
        return await inbox.remember(self._connection, fact, source)

    async def remember_all(self, facts: Sequence[FactRecord], source: str) -> Collection[str]:
        """Note facts' ids; return those that were not known."""
        return await inbox.remember_all(self._connection, facts, source)

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact whose type is not known yet."""
        await inbox.keep_unknown(self._connection, fact, source)

    async def kept_unknown(self, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
        """Return facts that were kept unknown, with their sources."""
        return await inbox.kept_unknown(self._connection, types)

    async def forget_kept(self, fact_id: str, type_name: str) -> None:
        """Forget that a fact was kept unknown."""
        await inbox.forget_kept(self._connection, fact_id, type_name)

    async def park(self, fact: FactRecord, waiting_for: str, reason: str, source: str) -> None:
        """List a fact as waiting."""
        await inbox.park(self._connection, fact, waiting_for, reason, source=source)

    async def unpark(self, waiting_for: str) -> int:
        """Take what waited for this off the list."""
        return len(await inbox.unpark(self._connection, waiting_for))

    async def rewait(self, fact_id: str, waiting_for: str, reason: str) -> None:
        """Let a parked fact wait for something else."""
        await self._connection.execute(_REWAIT, fact_id, waiting_for, reason)

    async def release(self, fact_id: str) -> None:
        """Take one fact off the list."""
        await self._connection.execute(_RELEASE, fact_id)

    async def add_purchase(self, purchase: Purchase) -> bool:
        """Add a paid checkout; False if it stands already."""
        checkout = purchase.checkout
        added = await self._connection.fetchval(
            _ADD_PURCHASE,
            purchase.name,
            *checkout.payer.customer,
            checkout.checkout_id,
            checkout.provider_subscription_id,
            purchase.fact_id,
            from_checkout(checkout),
            purchase.create_time,
            *_changing(purchase),
        )
        return bool(added)

    async def purchase(self, name: str) -> Purchase | None:
        """Return a paid checkout."""
        row = await self._connection.fetchrow(_PURCHASE, name)
        return to_purchase(row) if row else None

    async def save_purchase(self, purchase: Purchase) -> None:
        """Write what can change of a paid checkout."""
        await self._connection.execute(_SAVE_PURCHASE, purchase.name, *_changing(purchase))

    async def add_invoice(self, invoice: InvoicePaid, account: str) -> None:
        """Add a paid invoice, once."""
        customer = invoice.payer.customer
        await self._connection.execute(
            _ADD_INVOICE,
            customer.provider,
            customer.provider_account,
            invoice.invoice_id,
            customer.customer_id,
            account,
            invoice.provider_subscription_id,
            invoice.billing_reason,
            invoice.paid.currency,
            invoice.paid.minor_units,
            invoice.period_start,
            invoice.period_end,
            invoice.pay_time,
        )

    async def add_failure(self, failure: InvoicePaymentFailed) -> None:
        """Record a failed payment, once."""
        customer = failure.payer.customer
        await self._connection.execute(
            _ADD_FAILURE,
            customer.provider,
            customer.provider_account,
            failure.invoice_id,
            failure.attempt,
            customer.customer_id,
            failure.provider_subscription_id,
            failure.failure_code,
        )

    async def snapshot(self, key: UnitKey) -> Snapshot | None:
        """Return the newest snapshot of a provider's subscription."""
        row = await self._connection.fetchrow(
            _SNAPSHOT, key.provider, key.provider_account, key.provider_subscription_id
        )
        return to_snapshot(row) if row else None

    async def put_snapshot(self, snapshot: Snapshot) -> bool:
        """Take a snapshot, and what the one before waited for off the list."""
        return bool(await self._connection.fetchval(_PUT_SNAPSHOT, *_written(snapshot)))

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Write a snapshot over an older one."""
        await self._connection.execute(_SAVE_SNAPSHOT, *_written(snapshot))

    async def put_observation(self, observation: Observation, change: Change) -> bool:
        """Take what was seen of a tenant, and record that; False if it is no newer."""
        entry = audit.written(to_entry(change))
        return bool(await self._connection.fetchval(_OBSERVE, *astuple(observation), *entry))

    async def unknown_prices(self) -> Sequence[tuple[str, str]]:
        """Return the prices that are waited for."""
        rows = await self._connection.fetch(_UNKNOWN_PRICES)
        return [(row["provider"], row["price"]) for row in rows]

    async def waiting_purchases(self, provider: str, price: str) -> Sequence[Purchase]:
        """Return purchases that wait for this price."""
        rows = await self._connection.fetch(_WAITING_PURCHASES, provider, price)
        return [to_purchase(row) for row in rows]

    async def waiting_snapshots(self, provider: str, price: str) -> Sequence[Snapshot]:
        """Return snapshots that wait for this price."""
        rows = await self._connection.fetch(_WAITING_SNAPSHOTS, provider, price)
        return [to_snapshot(row) for row in rows]


def _written(snapshot: Snapshot) -> tuple[object, ...]:
    key = snapshot.key
    return (
        key.provider,
        key.provider_account,
        key.provider_subscription_id,
        snapshot.seen.payer.customer.customer_id,
        snapshot.account,
        snapshot.revision,
        snapshot.fact_id,
        from_seen(snapshot.seen),
        from_appraisal(snapshot.appraisal),
        list(snapshot.appraisal.unknown_prices),
    )


def _changing(purchase: Purchase) -> tuple[object, ...]:
    return (
        purchase.account,
        from_appraisal(purchase.appraisal),
        list(purchase.appraisal.unknown_prices),
        _stored_status(purchase.status).value,
        str(purchase.reason),
        purchase.subscription,
        str(purchase.barred),
    )


def _stored_status(status: PurchaseStatus) -> PurchaseStatus:
    """Return the status as it is stored: what was given back has a time of that besides."""
    return PurchaseStatus.REFUND_DUE if status is PurchaseStatus.REFUNDED else status
