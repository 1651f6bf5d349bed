"""Subscriptions that give way, and decisions that wait for news, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from services.subscription.domain import GivingWay, Purchase, UnitKey
from services.subscription.granting import FIRST_REASON
from services.subscription.units import key_of
from tests.fakes.memory_db import Index, MemoryTx, Table
from tests.fakes.subscription_facts import INVOICES_OF, PURCHASES_OF

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """How far giving something back is, and how often more is to be asked for."""

    tries: int = 0
    refund_id: str | None = None
    heard: int = 0
    rounds: int = 0
    rounds_done: int = 0

    @property
    def open(self) -> bool:
        """Whether it is still to be given back, or again."""
        return self.refund_id is None or self.rounds_done < self.rounds

    @property
    def again(self) -> int:
        """Which time after the first it would be asked for now."""
        return 0 if self.refund_id is None else self.rounds_done + 1


@dataclass(frozen=True)
class GivingWayRow(_Asked):
    """A subscription that gives way, and how far that is."""

    way: GivingWay
    found: datetime
    decided: datetime | None = None
    next_try: datetime | None = None


@dataclass(frozen=True)
class RefundRow(_Asked):
    """A refund of a purchase that was decided on, and how far it is."""

    decided: datetime
    next_try: datetime


@dataclass(frozen=True)
class PostponedRow:
    """A decision that waits for news."""

    tries: int
    next_try: datetime
    since: datetime
    told: bool = False


GIVING_WAY: Table[str, GivingWayRow] = Table("giving_way")
OPEN_WAYS = Index(GIVING_WAY, lambda _, row: row.open or None)
REFUNDS: Table[str, RefundRow] = Table("refunds")
OPEN_REFUNDS = Index(REFUNDS, lambda _, row: row.open or None)
_WAYS_OF = Index(GIVING_WAY, lambda _, row: row.way.account)
POSTPONED: Table[str, PostponedRow] = Table("postponed")


def wait_after(tries: int) -> timedelta:
    """Return how long is waited after this many tries that failed."""
    return min(_FIRST_WAIT * (1 << min(tries, 12)), _LONGEST_WAIT)


class MemoryGivingWay:
    """Subscriptions that give way, and postponed decisions, in memory."""

    _tx: MemoryTx

    async def save_giving_way(self, row: GivingWay) -> None:
        fresh = GivingWayRow(replace(row, decided=False), self._moment())
        if await self._tx.insert(GIVING_WAY, row.subscription, fresh):
            return
        known = await self._tx.lock(GIVING_WAY, row.subscription)
        if known is not None and known.decided is None:
            newer = replace(known, way=replace(known.way, to=row.to, paid_since=row.paid_since))
            await self._tx.put(GIVING_WAY, row.subscription, newer)

    async def drop_giving_way(self, subscription: str) -> None:
        known = await self._tx.lock(GIVING_WAY, subscription)
        if known is not None and known.decided is None:
            await self._tx.delete(GIVING_WAY, subscription)

    async def decide_giving_way(self, subscription: str) -> None:
        known = await self._tx.lock(GIVING_WAY, subscription)
        if known is not None and known.decided is None:
            way = replace(known.way, decided=True)
            decided = replace(known, way=way, decided=self._moment())
            await self._tx.put(GIVING_WAY, subscription, decided)

    async def due_giving_way(self, delay: timedelta, limit: int) -> Sequence[GivingWay]:
        await self._tx.db.step()
        return self._due_giving_way(delay)[:limit]

    def _due_giving_way(self, delay: timedelta) -> list[GivingWay]:
        before = self._moment() - delay
        found = [
            (row.found, name, row.way)
            for name, row in self._tx.found(OPEN_WAYS, True)
            if row.decided is None and row.found <= before and not self._postponed(name)
        ]
        return [way for _, _, way in sorted(found, key=lambda row: row[:2])]

    def _gave_way_since(self, since: datetime) -> int:
        rows = self._tx.rows(GIVING_WAY)
        return len([row for _, row in rows if row.decided and row.decided > since])

    async def claim_giving_way(self, provider: str, limit: int) -> Sequence[GivingWay]:
        await self._tx.db.step()
        claimed: list[GivingWay] = []
        for name, row in sorted(self._tx.rows(GIVING_WAY), key=lambda pair: pair[0]):
            ours = row.way.key.provider == provider
            if len(claimed) == limit or not ours or not self._may_try_way(row):
                continue
            if self._tx.try_lock(GIVING_WAY, name):
                later = self._moment() + wait_after(row.tries)
                heard = (
                    row.heard if row.tries else self._paid_invoices(row.way.account, row.way.key)
                )
                put_off = replace(row, tries=row.tries + 1, next_try=later, heard=heard)
                await self._tx.put(GIVING_WAY, name, put_off)
                claimed.append(replace(row.way, again=row.again))
        return claimed

    def _may_try_way(self, row: GivingWayRow) -> bool:
        if row.decided is None or not row.open:
            return False
        return (row.next_try or row.decided) <= self._moment()

    async def note_gave_way(self, subscription: str, refund_id: str, again: int = 0) -> bool:
        row = await self._tx.lock(GIVING_WAY, subscription)
        if row is None or row.again != again:
            return False
        given = refund_id or row.refund_id or ""
        noted = replace(row, refund_id=given, rounds_done=again, next_try=self._moment())
        await self._tx.put(GIVING_WAY, subscription, noted)
        return True

    async def ask_again(self, account: str, ways: Collection[str]) -> Sequence[str]:
        await self._tx.db.step()
        found: list[str] = []
        for name in sorted(ways):
            row = await self._tx.lock(GIVING_WAY, name)
            paid = self._paid_invoices(account, row.way.key) if row else 0
            if row is not None and row.tries and paid > row.heard:
                more = replace(row, rounds=row.rounds + 1, heard=paid)
                await self._tx.put(GIVING_WAY, name, more)
                found.append(name)
        for name, purchase in sorted(self._tx.found(PURCHASES_OF, account)):
            refund = await self._tx.lock(REFUNDS, name)
            paid = self._paid_later(purchase)
            if refund is not None and refund.tries and paid > refund.heard:
                again = replace(refund, rounds=refund.rounds + 1, heard=paid)
                await self._tx.put(REFUNDS, name, again)
                found.append(name)
        return sorted(found)

    def _paid_later(self, purchase: Purchase) -> int:
        """Return how many invoices of a purchase were paid after what it was bought with."""
        return self._paid_invoices(purchase.account, key_of(purchase), but=FIRST_REASON)

    def _paid_invoices(self, account: str, key: UnitKey, but: str = "") -> int:
        """Return how many invoices of a provider's subscription were paid; none of a single one."""
        found = self._tx.found(INVOICES_OF, account) if key.provider_subscription_id else ()
        paid = [row.paid for _, row in found if row.unit == key and row.paid.paid > 0]
        return len([one for one in paid if one.billing_reason != but])

    async def postpone(self, name: str, long: timedelta) -> bool:
        now = self._moment()
        row = PostponedRow(1, now + wait_after(0), now)
        known = await self._tx.lock(POSTPONED, name)
        if known is not None and known.next_try >= now - _DAY:
            row = replace(known, tries=known.tries + 1, next_try=now + wait_after(known.tries))
        tells = not row.told and row.since <= now - long
        await self._tx.put(POSTPONED, name, replace(row, told=row.told or tells))
        return tells

    async def forget_postponed(self) -> int:
        await self._tx.db.step()
        before = self._moment() - _DAY
        old = [name for name, row in self._tx.rows(POSTPONED) if row.next_try < before][:1000]
        for name in old:
            await self._tx.delete(POSTPONED, name)
        return len(old)

    def _postponed(self, name: str) -> bool:
        row = self._tx.get(POSTPONED, name)
        return row is not None and row.next_try > self._moment()

    def _giving_way_of(self, account: str) -> list[GivingWay]:
        return [row.way for _, row in self._tx.found(_WAYS_OF, account)]

    def _has_to_give_way(self, subscription: str) -> bool:
        row = self._tx.get(GIVING_WAY, subscription)
        return row is not None and row.decided is None

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._tx.db.now(), UTC)
