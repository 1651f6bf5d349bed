"""Purchases that are given back, in subscription's store in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from services.subscription.domain import Purchase, PurchaseStatus
from tests.fakes.subscription_facts import PURCHASES, REFUND_DUE
from tests.fakes.subscription_giving_way import (
    OPEN_REFUNDS,
    OPEN_WAYS,
    REFUNDS,
    MemoryGivingWay,
    RefundRow,
    wait_after,
)


class MemoryRefunds(MemoryGivingWay):
    """Purchases that are given back, in memory."""

    async def count_refundable(self, delay: timedelta) -> int:
        await self._tx.db.step()
        return len(self._refundable(delay)) + len(self._due_giving_way(delay))

    async def refundable(self, delay: timedelta, limit: int) -> Sequence[Purchase]:
        await self._tx.db.step()
        return self._refundable(delay)[:limit]

    def _refundable(self, delay: timedelta) -> list[Purchase]:
        before = self._moment() - delay
        found = [
            row
            for _, row in self._tx.found(REFUND_DUE, True)
            if not row.refunding and row.create_time <= before and not self._postponed(row.name)
        ]
        return sorted(found, key=lambda row: (row.create_time, row.name))

    async def count_decided(self, within: timedelta) -> int:
        await self._tx.db.step()
        since = self._moment() - within
        refunds = [row for _, row in self._tx.rows(REFUNDS) if row.decided > since]
        return len(refunds) + self._gave_way_since(since)

    async def count_purchases(self, within: timedelta) -> int:
        await self._tx.db.step()
        since = self._moment() - within
        return len([row for _, row in self._tx.rows(PURCHASES) if row.create_time > since])

    async def decide_refund(self, purchase: str) -> None:
        row = await self._tx.lock(PURCHASES, purchase)
        if row is not None:
            await self._tx.put(PURCHASES, purchase, replace(row, refunding=True))
            await self._tx.insert(REFUNDS, purchase, RefundRow(self._moment(), self._moment()))

    async def refunds_ahead(self, delay: timedelta) -> bool:
        await self._tx.db.step()
        return bool(self._refundable(delay) or self._due_giving_way(delay)) or self._refunds_wait()

    async def refunds_wait(self) -> bool:
        await self._tx.db.step()
        return self._refunds_wait()

    def _refunds_wait(self) -> bool:
        if any(self._may_try_way(row) for _, row in self._tx.found(OPEN_WAYS, True)):
            return True
        return any(self._may_try(row) for _, row in self._tx.found(OPEN_REFUNDS, True))

    async def claim_refunds(self, provider: str, limit: int) -> Sequence[Purchase]:
        await self._tx.db.step()
        claimed: list[Purchase] = []
        for name, row in sorted(self._tx.rows(REFUNDS)):
            purchase = self._tx.get(PURCHASES, name)
            if (
                purchase is None
                or len(claimed) == limit
                or purchase.checkout.payer.customer.provider != provider
                or not self._may_try(row)
            ):
                continue
            if self._tx.try_lock(REFUNDS, name):
                wait = wait_after(row.tries)
                heard = row.heard if row.tries else self._paid_later(purchase)
                due = self._moment() + wait
                later = replace(row, tries=row.tries + 1, next_try=due, heard=heard)
                await self._tx.put(REFUNDS, name, later)
                claimed.append(replace(purchase, again=row.again))
        return claimed

    def _may_try(self, row: RefundRow) -> bool:
        return row.open and row.next_try <= self._moment()

    async def note_refund(self, purchase: str, refund_id: str, again: int = 0) -> bool:
        row = await self._tx.lock(PURCHASES, purchase)
        decided = await self._tx.lock(REFUNDS, purchase)
        if row is None or decided is None or decided.again != again:
            return False
        given = refund_id or decided.refund_id or ""
        noted = replace(decided, refund_id=given, rounds_done=again, next_try=self._moment())
        await self._tx.put(REFUNDS, purchase, noted)
        await self._tx.put(PURCHASES, purchase, replace(row, status=PurchaseStatus.REFUNDED))
        return True

    async def unquoted(self, limit: int) -> Sequence[Purchase]:
        await self._tx.db.step()
        found = [row for _, row in self._tx.rows(PURCHASES) if row.barred == "UNKNOWN_QUOTE"]
        return sorted(found, key=lambda row: row.name)[:limit]
