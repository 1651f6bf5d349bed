"""The credit ledger in memory, held to the same suite as the one on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.subscription.domain import Evidence
from services.subscription.granting import (
    FIRST_REASON,
    RENEWAL_REASON,
    PaidInvoice,
    Reversal,
)
from services.subscription.incoming import Customer, PaymentReversed, ReversalKind
from services.subscription.ledger import (
    Balance,
    DuplicateEntry,
    Entry,
    Grant,
    Hold,
    HoldState,
    Part,
    Pool,
    Posting,
)
from tests.fakes.memory_db import Index, MemoryTx, Table
from tests.fakes.subscription_facts import CUSTOMERS_OF, INVOICES_OF, InvoiceRow

POOLS: Table[Pool, tuple[Balance, int]] = Table("credit_pools")
ENTRIES: Table[str, Entry] = Table("credit_entries")
GRANTS: Table[str, Grant] = Table("credit_grants")
_GRANTS_OF = Index(GRANTS, lambda _, row: row.subscription or None)
_GRANTS_IN = Index(GRANTS, lambda _, row: row.pool)
HOLDS: Table[str, Hold] = Table("credit_holds")
_HELD = Index(HOLDS, lambda _, row: row.state is HoldState.HELD or None)
REVERSALS: Table[tuple[str, ReversalKind], tuple[Customer, Reversal]] = Table("credit_reversals")
_OPEN_REVERSALS_OF = Index(REVERSALS, lambda _, row: None if row[1].grant else row[0])


class MemoryLedger:
    """Credits of accounts, in memory."""

    _tx: MemoryTx

    async def open_pool(self, pool: Pool) -> None:
        if await self._tx.lock(POOLS, pool) is None:
            self._tx.write(POOLS, pool, (Balance(pool), 0))

    async def balance(self, pool: Pool) -> Balance:
        await self._tx.db.step()
        row = self._tx.get(POOLS, pool)
        if row is None:
            return Balance(pool)
        ends = [
            grant.period_end
            for _, grant in self._tx.rows(GRANTS)
            if grant.pool == pool and not grant.closed and grant.period_end
        ]
        return replace(row[0], period_end=max(ends, default=None))

    async def post(self, posting: Posting) -> Entry | None:
        row = await self._tx.lock(POOLS, posting.pool)
        if row is None:
            return None
        balance, last = row
        move = posting.move
        after = replace(
            balance,
            posted=balance.posted + move.posted * posting.amount,
            held=balance.held + move.held * posting.amount,
            debt=balance.debt + move.debt * posting.amount,
        )
        if after.available < 0:
            return None
        assert after.held >= 0
        assert after.debt >= 0
        entry = Entry(posting, last + 1, after.posted, after.held, self._tx.db.clock.now())
        if await self._tx.hold(ENTRIES, posting.name) is not None:
            raise DuplicateEntry(posting.name)
        self._tx.write(ENTRIES, posting.name, entry)
        self._tx.write(POOLS, posting.pool, (after, last + 1))
        return entry

    async def entry(self, name: str) -> Entry | None:
        await self._tx.db.step()
        return self._tx.get(ENTRIES, name)

    async def list_entries(self, pool: Pool, after: int, limit: int) -> Sequence[Entry]:
        await self._tx.db.step()
        found = [
            entry
            for _, entry in self._tx.rows(ENTRIES)
            if entry.posting.pool == pool and entry.sequence > after
        ]
        return sorted(found, key=lambda entry: entry.sequence)[:limit]

    async def add_grant(self, grant: Grant) -> bool:
        return await self._tx.insert(GRANTS, grant.name, _whole(grant))

    async def grant(self, name: str) -> Grant | None:
        await self._tx.db.step()
        return self._tx.get(GRANTS, name)

    async def grants(self, pool: Pool) -> Sequence[Grant]:
        await self._tx.db.step()
        return [grant for _, grant in self._tx.found(_GRANTS_IN, pool)]

    def _newest_grant(self, subscription: str) -> Grant | None:
        newest: Grant | None = None
        for _, grant in self._tx.found(_GRANTS_OF, subscription):
            if newest is None or _later(grant.period_start, newest.period_start):
                newest = grant
        return newest

    async def save_grant(self, grant: Grant) -> None:
        await self._tx.put(GRANTS, grant.name, _whole(grant))

    async def take_from_grants(self, pool: Pool, amount: int, *, held: bool) -> Sequence[Part]:
        open_ones = [grant for grant in await self.grants(pool) if grant.remaining > 0]
        parts: list[Part] = []
        for grant in sorted(open_ones, key=lambda grant: grant.subscription == ""):
            share = min(grant.remaining, amount)
            if share == 0:
                break
            amount -= share
            taken = replace(
                grant,
                remaining=grant.remaining - share,
                held=grant.held + (share if held else 0),
                spent=grant.spent + (0 if held else share),
            )
            await self.save_grant(taken)
            parts.append(Part(grant.name, share))
        return parts

    async def settle_held(self, parts: Sequence[Part], *, spent: bool) -> int:
        expired = 0
        for part in parts:
            grant = await self._tx.lock(GRANTS, part.grant)
            assert grant is not None
            gone = part.amount if not spent and grant.closed else 0
            back = part.amount if not spent and not grant.closed else 0
            expired += gone
            settled = replace(
                grant,
                held=grant.held - part.amount,
                spent=grant.spent + (part.amount if spent else 0),
                remaining=grant.remaining + back,
                expired=grant.expired + gone,
            )
            await self.save_grant(settled)
        return expired

    async def add_hold(self, hold: Hold) -> None:
        assert await self._tx.insert(HOLDS, hold.name, hold)

    async def hold(self, name: str) -> Hold | None:
        await self._tx.db.step()
        return self._tx.get(HOLDS, name)

    async def leave_held(self, name: str, state: HoldState) -> Hold | None:
        hold = await self._tx.lock(HOLDS, name)
        if hold is None or hold.state is not HoldState.HELD:
            return None
        left = replace(hold, state=state)
        await self._tx.put(HOLDS, name, left)
        return left

    async def expired_holds(self, limit: int) -> Sequence[str]:
        await self._tx.db.step()
        now = self._tx.db.clock.now()
        found = [hold for _, hold in self._tx.found(_HELD, True) if hold.expire_time <= now]
        return [hold.name for hold in sorted(found, key=lambda hold: hold.expire_time)][:limit]

    def _invoices_of(self, account: str) -> tuple[list[Evidence], list[PaidInvoice]]:
        """Return since when each subscription is paid, and what was paid last of its first
        invoices and of its renewals.
        """
        first: dict[str, InvoiceRow] = {}
        newest: dict[tuple[str, str], InvoiceRow] = {}
        for _, row in self._tx.found(INVOICES_OF, account):
            if not row.unit.provider_subscription_id:
                continue
            paid = row.paid
            known = first.get(paid.subscription)
            if known is None or row.fact.pay_time < known.fact.pay_time:
                first[paid.subscription] = row
            if paid.paid > 0 and paid.billing_reason in (FIRST_REASON, RENEWAL_REASON):
                of = (paid.subscription, paid.billing_reason)
                last = newest.get(of)
                if last is None or row.period > last.period:
                    newest[of] = row
        evidence = [Evidence(row.unit, row.fact.pay_time) for row in first.values()]
        return evidence, [row.paid for row in newest.values()]

    async def invoice_paid(self, account: str, invoice_id: str) -> PaidInvoice | None:
        await self._tx.db.step()
        for _, row in self._tx.found(INVOICES_OF, account):
            if row.paid.invoice_id == invoice_id:
                return row.paid
        return None

    async def add_reversal(self, fact: PaymentReversed) -> None:
        reversal = Reversal(
            reversal_id=fact.reversal_id,
            kind=fact.kind,
            invoice_id=fact.invoice_id,
            checkout_id=fact.checkout_id,
            amount=fact.amount.minor_units,
            paid=fact.paid.minor_units,
        )
        key = (fact.reversal_id, fact.kind)
        await self._tx.insert(REVERSALS, key, (fact.payer.customer, reversal))

    def _open_reversals(self, account: str) -> list[Reversal]:
        found = [
            reversal
            for customer, _ in self._tx.found(CUSTOMERS_OF, account)
            for _, (_, reversal) in self._tx.found(_OPEN_REVERSALS_OF, customer)
        ]
        return sorted(found, key=lambda one: (one.reversal_id, len(one.kind), one.kind))

    async def applied_reversals(self, grant: str) -> Sequence[Reversal]:
        await self._tx.db.step()
        return [one for _, (_, one) in self._tx.rows(REVERSALS) if one.grant == grant]

    async def reversal(self, reversal_id: str, kind: ReversalKind) -> Reversal | None:
        await self._tx.db.step()
        row = self._tx.get(REVERSALS, (reversal_id, kind))
        return row[1] if row else None

    async def save_reversal(self, reversal: Reversal) -> None:
        row = await self._tx.lock(REVERSALS, (reversal.reversal_id, reversal.kind))
        assert row is not None
        await self._tx.put(REVERSALS, (reversal.reversal_id, reversal.kind), (row[0], reversal))


def _whole(grant: Grant) -> Grant:
    """Return the grant, held to what the table's checks say."""
    parts = (grant.remaining, grant.held, grant.spent, grant.expired, grant.reversed)
    assert all(part >= 0 for part in parts), grant
    assert grant.granted == sum(parts), grant
    assert not (grant.closed and grant.remaining), grant
    return grant


def _later(start: datetime | None, than: datetime | None) -> bool:
    return start is not None and (than is None or start > than)
