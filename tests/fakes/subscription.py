"""Subscription's store in memory, held to the same suite as the one on PostgreSQL."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

from services.chassis.facts import FactRecord
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.wakeups import Wakeups
from services.subscription.asking import Sight
from services.subscription.auditing import Change, OnceScope
from services.subscription.domain import (
    Account,
    AccountKind,
    CapacityOrdered,
    LastPage,
    Observation,
    Order,
    ParkedFact,
    Purchase,
    PurchaseStatus,
    Subscription,
)
from services.subscription.holder import AccountRef, Held, Holder
from services.subscription.incoming import Customer
from services.subscription.offers import Offer
from services.subscription.units import Holdings
from tests.fakes import memory_inbox, memory_outbox
from tests.fakes.memory_db import MemoryDatabase, MemoryTransactions, MemoryTx
from tests.fakes.subscription_assignments import MemoryAssignments
from tests.fakes.subscription_facts import (
    ACCOUNTS,
    ANSWERS,
    AUDIT,
    CUSTOMERS,
    EPOCH,
    FAILURES,
    IN_GRACE,
    INVOICES,
    INVOICES_BY,
    OBSERVATIONS,
    ORDERS,
    ORDERS_OF,
    OUTSIDE_NAMES,
    PAGES,
    PURCHASES,
    PURCHASES_BY,
    PURCHASES_OF,
    SNAPSHOTS,
    SNAPSHOTS_BY,
    SNAPSHOTS_OF,
    SUBSCRIPTIONS,
    SUBSCRIPTIONS_OF,
    CustomerRow,
    MemoryFacts,
)
from tests.fakes.subscription_giving_way import MemoryGivingWay
from tests.fakes.subscription_ledger import POOLS, MemoryLedger
from tests.fakes.subscription_notices import MemoryNotices
from tests.fakes.subscription_refunds import MemoryRefunds

__all__ = ["AUDIT", "FAILURES", "MemoryStore", "memory_transactions"]

Encode = Callable[[CapacityOrdered, str], FactRecord]
_CREATED = attrgetter("create_time", "name")
_INCARNATION = attrgetter("incarnation")


class MemoryAccounts:
    """Accounts and customers, in memory."""

    _tx: MemoryTx

    async def lock_customer(self, customer: Customer) -> str:
        row = await self._tx.lock(CUSTOMERS, customer)
        if row is None:
            self._tx.write(CUSTOMERS, customer, CustomerRow(""))
        return row.account if row else ""

    async def bind_customer(self, customer: Customer, account: str) -> None:
        await self._tx.put(CUSTOMERS, customer, CustomerRow(account))
        for name, purchase in self._tx.found(PURCHASES_BY, customer):
            if not purchase.account:
                await self._tx.hold(PURCHASES, name)
                self._tx.write(PURCHASES, name, replace(purchase, account=account))
        for key, invoice in self._tx.found(INVOICES_BY, customer):
            if not invoice.account:
                await self._tx.hold(INVOICES, key)
                self._tx.write(INVOICES, key, replace(invoice, account=account))
        for unit, snapshot in self._tx.found(SNAPSHOTS_BY, customer):
            if not snapshot.account:
                await self._tx.hold(SNAPSHOTS, unit)
                self._tx.write(SNAPSHOTS, unit, replace(snapshot, account=account))

    async def add_account(self, account: Account) -> bool:
        outside = (account.kind, account.external_id)
        if account.external_id and not await self._tx.insert(OUTSIDE_NAMES, outside, account.name):
            return False
        return await self._tx.insert(ACCOUNTS, account.name, account)

    async def account(self, name: str) -> Account | None:
        await self._tx.db.step()
        return self._tx.get(ACCOUNTS, name)

    async def account_named(self, kind: AccountKind, external_id: str) -> Account | None:
        await self._tx.db.step()
        name = self._tx.get(OUTSIDE_NAMES, (kind, external_id))
        return self._tx.get(ACCOUNTS, name) if name else None

    async def lock_account(self, name: str) -> Account | None:
        return await self._tx.lock(ACCOUNTS, name)

    async def customers(self, account: str) -> Sequence[Customer]:
        await self._tx.db.step()
        return sorted(key for key, row in self._tx.rows(CUSTOMERS) if row.account == account)

    async def owner_of(self, customer: Customer) -> str:
        await self._tx.db.step()
        row = self._tx.get(CUSTOMERS, customer)
        return row.account if row else ""

    async def last_page(self, account: str) -> LastPage | None:
        await self._tx.db.step()
        return self._tx.get(PAGES, account)

    async def save_page(self, account: str, page: LastPage) -> None:
        await self._tx.put(PAGES, account, page)


class MemoryBooks(MemoryAssignments, MemoryGivingWay, MemoryLedger):
    """What accounts hold and what is ordered for them, in memory."""

    _encode: Encode

    async def holdings(self, account: Account) -> Holdings:
        await self._tx.db.step()
        name = account.name
        orders = self._orders_of(name)
        subscriptions = [row for _, row in self._tx.found(SUBSCRIPTIONS_OF, name)]
        newest = {sub.name: self._newest_grant(sub.name) for sub in subscriptions}
        evidence, invoices = self._invoices_of(name)
        return Holdings(
            account,
            purchases=[row for _, row in self._tx.found(PURCHASES_OF, name)],
            evidence=evidence,
            snapshots=[row for _, row in self._tx.found(SNAPSHOTS_OF, name)],
            subscriptions=sorted(map(self._with_giver, subscriptions), key=_CREATED),
            order=orders[-1] if orders else None,
            assignments=self._assigned_to(name),
            giving_way=self._giving_way_of(name),
            epoch=self._tx.get(EPOCH, "only") or 1,
            invoices=invoices,
            grants={sub: grant for sub, grant in newest.items() if grant is not None},
            reversals=self._open_reversals(name),
        )

    async def sold(self, subscription: str) -> Offer | None:
        await self._tx.db.step()
        known = self._tx.get(SUBSCRIPTIONS, subscription)
        return known.offer if known else None

    async def subscription(self, name: str) -> Subscription | None:
        await self._tx.db.step()
        found = self._tx.get(SUBSCRIPTIONS, name)
        return self._with_giver(found) if found else None

    async def save_subscription(self, subscription: Subscription) -> None:
        await self._tx.put(SUBSCRIPTIONS, subscription.name, subscription)

    async def save_order(self, order: Order) -> None:
        key = (order.account, order.incarnation)
        before = await self._tx.lock(ORDERS, key)
        if before and before.phase == "DELETED" and order.phase != "DELETED":
            raise ValueError(f"incarnation {order.incarnation} of {order.account} is closed")
        self._tx.write(ORDERS, key, order)
        account = await self._tx.hold(ACCOUNTS, order.account)
        if account is not None and account.generation < order.generation:
            newer = replace(account, generation=order.generation)
            self._tx.write(ACCOUNTS, order.account, newer)

    async def orders(self, account: str) -> Sequence[Order]:
        await self._tx.db.step()
        return self._orders_of(account)

    def _orders_of(self, account: str) -> Sequence[Order]:
        found = (order for _, order in self._tx.found(ORDERS_OF, account))
        return sorted(found, key=_INCARNATION)

    async def append(self, fact: CapacityOrdered, traceparent: str) -> None:
        await memory_outbox.append(self._tx, [self._encode(fact, traceparent)])

    async def epoch(self) -> int:
        await self._tx.db.step()
        return self._tx.get(EPOCH, "only") or 1

    async def raise_epoch(self) -> int:
        raised = (await self._tx.lock(EPOCH, "only") or 1) + 1
        await self._tx.put(EPOCH, "only", raised)
        return raised

    async def accounts_behind(self, limit: int) -> Sequence[str]:
        await self._tx.db.step()
        epoch = self._tx.get(EPOCH, "only") or 1
        behind = {order.account for _, order in self._tx.rows(ORDERS) if order.epoch < epoch}
        return sorted(behind)[:limit]

    async def due_accounts(self, limit: int) -> Sequence[str]:
        await self._tx.db.step()
        due: dict[str, datetime] = {}
        for account, late in self._late():
            due[account] = min(late, due.get(account, late))
        return sorted(due, key=lambda account: (due[account], account))[:limit]

    async def count_due(self) -> int:
        await self._tx.db.step()
        return len({account for account, _ in self._late()})

    async def count_over(self, within: timedelta) -> int:
        await self._tx.db.step()
        since = self._now() - within
        touched = {sub.account for sub in self._subscriptions() if (sub.over_time or since) > since}
        return len(touched | self._ended_by_timer(since))

    async def count_accounts(self) -> int:
        await self._tx.db.step()
        return len(self._tx.rows(ACCOUNTS))

    def _late(self) -> list[tuple[str, datetime]]:
        now = self._now()
        rows = [(sub.account, sub.due) for _, sub in self._tx.found(IN_GRACE, True)]
        graces = [(account, due) for account, due in rows if due and due <= now]
        return [*graces, *self._ends_to_come_to_pass()]


class MemoryReadings(MemoryAssignments, MemoryGivingWay):
    """Pages for people, from memory."""

    async def list_accounts(
        self, sight: Sight, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Account]:
        await self._tx.db.step()
        rows = sorted(
            (row for _, row in self._tx.rows(ACCOUNTS) if sight.includes(row)),
            key=lambda row: (row.create_time, row.name),
        )
        return [row for row in rows if not after or (row.create_time, row.name) > after][:limit]

    async def list_subscriptions(
        self, sight: Sight, account: str, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Subscription]:
        await self._tx.db.step()
        accounts = dict(self._tx.rows(ACCOUNTS))
        rows = sorted(
            (
                self._with_giver(row)
                for row in self._subscriptions()
                if account in ("", row.account) and sight.includes(accounts[row.account])
            ),
            key=lambda row: (row.create_time, row.name),
        )
        return [row for row in rows if not after or (row.create_time, row.name) > after][:limit]

    async def list_purchases(
        self, status: PurchaseStatus | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Purchase]:
        await self._tx.db.step()
        rows = sorted(
            (row for _, row in self._tx.rows(PURCHASES) if status in (None, row.status)),
            key=lambda row: (row.create_time, row.name),
            reverse=True,
        )
        return [row for row in rows if not before or (row.create_time, row.name) < before][:limit]

    async def list_parked(self, after: int, limit: int) -> Sequence[tuple[int, ParkedFact]]:
        await self._tx.db.step()
        return [
            (
                row.seq,
                ParkedFact(row.fact.id, row.fact.type, row.waiting_for, row.reason, row.parked_at),
            )
            for row in await memory_inbox.list_parked(self._tx, after=after, limit=limit)
        ]

    async def observation(self, account: str, incarnation: int) -> Observation | None:
        await self._tx.db.step()
        rows = [
            row
            for _, row in self._tx.rows(OBSERVATIONS)
            if (row.account, row.incarnation) == (account, incarnation)
        ]
        return max(rows, key=lambda row: (row.epoch, row.generation, row.revision), default=None)

    async def holders(self, asked: Collection[AccountRef]) -> Mapping[AccountRef, Holder]:
        wanted = list(asked)
        await self._tx.db.step()
        found: dict[AccountRef, Holder] = {}
        for ref in wanted:
            name = ref if isinstance(ref, str) else self._tx.get(OUTSIDE_NAMES, ref)
            account = self._tx.get(ACCOUNTS, name) if name else None
            if account is not None:
                found[ref] = self._holder(account)
        return found

    def _holder(self, account: Account) -> Holder:
        mine = sorted(
            (sub for _, sub in self._tx.found(SUBSCRIPTIONS_OF, account.name)), key=_CREATED
        )
        held = [
            Held(sub.offer, sub.state, sub.begin_time, sub.period_end)
            for sub in mine
            if sub.begin_time is not None and not self._has_to_give_way(sub.name)
        ]
        pools = [row for _, (row, _) in self._tx.rows(POOLS) if row.pool.account == account.name]
        return Holder(account, held, {row.pool.name: row.available for row in pools})


class MemoryStore(
    MemoryFacts,
    MemoryAccounts,
    MemoryBooks,
    MemoryRefunds,
    MemoryNotices,
    MemoryReadings,
):
    """The service's store in memory, within one transaction."""

    def __init__(self, tx: MemoryTx, encode: Encode) -> None:
        self._tx = tx
        self._encode = encode

    async def now(self) -> datetime:
        return self._now()

    async def audit(self, change: Change) -> None:
        """Add to what is written with the commit; see the real one's ``flush``."""
        number = self._tx.db.next("audit")
        await self._tx.hold(AUDIT, number)
        self._tx.write(AUDIT, number, change)

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        if not scope.key:
            return await produce()
        key = (scope.account, scope.actor, scope.rpc, scope.key)
        first = await self._tx.lock(ANSWERS, key)
        if first is None:
            answer = await produce()
            await self._tx.put(ANSWERS, key, (scope.request_hash, answer))
            return answer
        if first[0] != scope.request_hash:
            raise IdempotencyConflict(f"The idempotency key {scope.key!r} was used already.")
        return first[1]

    async def forget_answers(self) -> int:
        """Nothing in memory lives for thirty days."""
        await self._tx.db.step()
        return 0


def memory_transactions(
    db: MemoryDatabase, encode: Encode, *, wakeups: Wakeups | None = None
) -> MemoryTransactions[MemoryStore]:
    """Return transactions of the subscription service in memory."""
    return MemoryTransactions(db, partial(MemoryStore, encode=encode), wakeups=wakeups)
