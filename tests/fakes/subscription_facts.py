"""The facts of subscription's store in memory, and the tables of all of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import inf

from services.chassis.facts import FactRecord
from services.subscription.auditing import Change
from services.subscription.domain import (
    Account,
    AccountKind,
    LastPage,
    Observation,
    Order,
    Purchase,
    PurchaseStatus,
    Snapshot,
    Subscription,
    UnitKey,
)
from services.subscription.granting import PaidInvoice
from services.subscription.incoming import Customer, InvoicePaid, InvoicePaymentFailed
from tests.fakes import memory_inbox
from tests.fakes.memory_db import Index, MemoryTx, Table


@dataclass(frozen=True)
class InvoiceRow:
    """A paid invoice and whose it is; what it is of, and its period, are told once."""

    fact: InvoicePaid
    account: str
    unit: UnitKey
    paid: PaidInvoice
    period: tuple[float, float]


@dataclass(frozen=True)
class CustomerRow:
    """A customer, bound or not."""

    account: str


ACCOUNTS: Table[str, Account] = Table("accounts")
OUTSIDE_NAMES: Table[tuple[AccountKind, str], str] = Table("accounts_outside_name")
CUSTOMERS: Table[Customer, CustomerRow] = Table("customers")
PURCHASES: Table[str, Purchase] = Table("purchases")
INVOICES: Table[tuple[str, str, str], InvoiceRow] = Table("invoices")
FAILURES: Table[tuple[str, str, str, int], InvoicePaymentFailed] = Table("payment_failures")
SNAPSHOTS: Table[UnitKey, Snapshot] = Table("snapshots")
SUBSCRIPTIONS: Table[str, Subscription] = Table("subscriptions")
ORDERS: Table[tuple[str, int], Order] = Table("orders")
OBSERVATIONS: Table[str, Observation] = Table("observations")
PAGES: Table[str, LastPage] = Table("pages")
EPOCH: Table[str, int] = Table("epoch")
AUDIT: Table[int, Change] = Table("audit")
ANSWERS: Table[tuple[str, str, str, str], tuple[bytes, str]] = Table("idempotency")

PURCHASES_OF = Index(PURCHASES, lambda _, row: row.account or None)
INVOICES_OF = Index(INVOICES, lambda _, row: row.account or None)
SNAPSHOTS_OF = Index(SNAPSHOTS, lambda _, row: row.account or None)
SUBSCRIPTIONS_OF = Index(SUBSCRIPTIONS, lambda _, row: row.account)
ORDERS_OF = Index(ORDERS, lambda key, _: key[0])
PURCHASES_BY = Index(PURCHASES, lambda _, row: row.checkout.payer.customer)
INVOICES_BY = Index(INVOICES, lambda _, row: row.fact.payer.customer)
SNAPSHOTS_BY = Index(SNAPSHOTS, lambda _, row: row.seen.payer.customer)
CUSTOMERS_OF = Index(CUSTOMERS, lambda _, row: row.account or None)
REFUND_DUE = Index(PURCHASES, lambda _, row: row.status is PurchaseStatus.REFUND_DUE or None)
IN_GRACE = Index(SUBSCRIPTIONS, lambda _, row: (row.due is not None and not row.over) or None)
_PARKED_AS = Index(memory_inbox.PARKED, lambda _, row: row.fact.id)


class MemoryFacts:
    """Facts that came, in memory."""

    _tx: MemoryTx

    async def remember(self, fact: FactRecord, source: str) -> bool:
        return await memory_inbox.remember(self._tx, fact, source)

    async def remember_all(self, facts: Sequence[FactRecord], source: str) -> Collection[str]:
        return await memory_inbox.remember_all(self._tx, facts, source)

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        await memory_inbox.keep_unknown(self._tx, fact, source)

    async def kept_unknown(self, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
        return await memory_inbox.kept_unknown(self._tx, types)

    async def forget_kept(self, fact_id: str, type_name: str) -> None:
        await memory_inbox.forget_kept(self._tx, fact_id, type_name)

    async def park(self, fact: FactRecord, waiting_for: str, reason: str, source: str) -> None:
        await memory_inbox.park(self._tx, fact, waiting_for, str(reason), source=source)

    async def unpark(self, waiting_for: str) -> int:
        return len(await memory_inbox.unpark(self._tx, waiting_for))

    async def rewait(self, fact_id: str, waiting_for: str, reason: str) -> None:
        for key, parked in self._tx.rows(memory_inbox.PARKED):
            if parked.fact.id == fact_id:
                waits = replace(parked, waiting_for=waiting_for, reason=str(reason))
                await self._tx.put(memory_inbox.PARKED, key, waits)

    async def release(self, fact_id: str) -> None:
        for key, parked in self._tx.rows(memory_inbox.PARKED):
            if parked.fact.id == fact_id:
                await self._tx.delete(memory_inbox.PARKED, key)

    async def add_purchase(self, purchase: Purchase) -> bool:
        return await self._tx.insert(PURCHASES, purchase.name, _plain(purchase))

    async def purchase(self, name: str) -> Purchase | None:
        await self._tx.db.step()
        return self._tx.get(PURCHASES, name)

    async def save_purchase(self, purchase: Purchase) -> None:
        await self._tx.put(PURCHASES, purchase.name, _plain(purchase))

    async def add_invoice(self, invoice: InvoicePaid, account: str) -> None:
        customer = invoice.payer.customer
        key = (customer.provider, customer.provider_account, invoice.invoice_id)
        await self._tx.insert(INVOICES, key, _invoice_row(invoice, account))

    async def add_failure(self, failure: InvoicePaymentFailed) -> None:
        customer = failure.payer.customer
        key = (
            customer.provider,
            customer.provider_account,
            failure.invoice_id,
            failure.attempt,
        )
        await self._tx.insert(FAILURES, key, failure)

    async def snapshot(self, key: UnitKey) -> Snapshot | None:
        await self._tx.db.step()
        return self._tx.get(SNAPSHOTS, key)

    async def put_snapshot(self, snapshot: Snapshot) -> bool:
        known = await self._tx.lock(SNAPSHOTS, snapshot.key)
        if known is not None and known.revision >= snapshot.revision:
            return False
        self._tx.write(SNAPSHOTS, snapshot.key, snapshot)
        for key, _ in self._tx.found(_PARKED_AS, known.fact_id) if known else ():
            await self._tx.hold(memory_inbox.PARKED, key)
            self._tx.write(memory_inbox.PARKED, key, None)
        return True

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        known = await self._tx.lock(SNAPSHOTS, snapshot.key)
        if known is None or known.revision <= snapshot.revision:
            self._tx.write(SNAPSHOTS, snapshot.key, snapshot)

    async def put_observation(self, observation: Observation, change: Change) -> bool:
        known = await self._tx.lock(OBSERVATIONS, observation.tenant)
        if known is not None and known.revision >= observation.revision:
            return False
        self._tx.write(OBSERVATIONS, observation.tenant, observation)
        number = self._tx.db.next("audit")
        await self._tx.hold(AUDIT, number)
        self._tx.write(AUDIT, number, change)
        return True

    async def unknown_prices(self) -> Sequence[tuple[str, str]]:
        await self._tx.db.step()
        found = {
            (purchase.checkout.payer.customer.provider, price)
            for _, purchase in self._tx.rows(PURCHASES)
            for price in purchase.appraisal.unknown_prices
        } | {
            (snapshot.key.provider, price)
            for _, snapshot in self._tx.rows(SNAPSHOTS)
            for price in snapshot.appraisal.unknown_prices
        }
        return sorted(found)

    async def waiting_purchases(self, provider: str, price: str) -> Sequence[Purchase]:
        await self._tx.db.step()
        found = [
            purchase
            for _, purchase in self._tx.rows(PURCHASES)
            if price in purchase.appraisal.unknown_prices
            and purchase.checkout.payer.customer.provider == provider
        ]
        return sorted(found, key=lambda purchase: purchase.name)[:100]

    async def waiting_snapshots(self, provider: str, price: str) -> Sequence[Snapshot]:
        await self._tx.db.step()
        found = [
            snapshot
            for _, snapshot in self._tx.rows(SNAPSHOTS)
            if price in snapshot.appraisal.unknown_prices and snapshot.key.provider == provider
        ]
        return sorted(found, key=lambda snapshot: snapshot.key.provider_subscription_id)[:100]


def _invoice_row(fact: InvoicePaid, account: str) -> InvoiceRow:
    customer = fact.payer.customer
    unit = UnitKey(customer.provider, customer.provider_account, fact.provider_subscription_id)
    paid = PaidInvoice(
        invoice_id=fact.invoice_id,
        subscription=unit.subscription_name,
        billing_reason=fact.billing_reason,
        paid=fact.paid.minor_units,
        period_start=fact.period_start,
        period_end=fact.period_end,
    )
    start, end = (
        time.timestamp() if time else -inf for time in (fact.period_start, fact.period_end)
    )
    return InvoiceRow(fact, account, unit, paid, (start, end))


def _plain(purchase: Purchase) -> Purchase:
    return replace(purchase, reason=str(purchase.reason), barred=str(purchase.barred))
