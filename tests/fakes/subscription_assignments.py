"""Plans that were given by hand, in memory, held to the same suite as those on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from services.subscription.domain import Assignment, Ending, Subscription
from tests.fakes.memory_db import Index, MemoryTx, Table
from tests.fakes.subscription_facts import SUBSCRIPTIONS

ASSIGNMENTS: Table[str, Assignment] = Table("assignments")
_ASSIGNMENTS_OF = Index(ASSIGNMENTS, lambda _, row: row.account)


class MemoryAssignments:
    """Plans that were given by hand, and the subscriptions that follow from them."""

    _tx: MemoryTx

    async def save_assignment(self, assignment: Assignment) -> None:
        before = self._tx.get(ASSIGNMENTS, assignment.subscription)
        begin_time = before.begin_time if before else assignment.begin_time
        assert assignment.reason
        assert assignment.end_time is None or assignment.end_time >= begin_time
        row = replace(assignment, begin_time=begin_time, over=False)
        await self._tx.put(ASSIGNMENTS, assignment.subscription, row)

    async def renewable_accounts(self, limit: int) -> Sequence[str]:
        await self._tx.db.step()
        now = self._now()
        due: dict[str, datetime] = {}
        for _, row in self._tx.rows(ASSIGNMENTS):
            if row.renew_time is not None and row.renew_time <= now:
                due[row.account] = min(row.renew_time, due.get(row.account, row.renew_time))
        return sorted(due, key=lambda account: (due[account], account))[:limit]

    def _assigned_to(self, account: str) -> Sequence[Assignment]:
        found = [row for _, row in self._tx.found(_ASSIGNMENTS_OF, account)]
        return [
            self._read(row)
            for row in sorted(found, key=lambda row: (row.begin_time, row.subscription))
        ]

    def _read(self, row: Assignment) -> Assignment:
        over = row.end_time is not None and row.end_time <= self._now()
        return replace(row, over=over) if over != row.over else row

    def _with_giver(self, sub: Subscription) -> Subscription:
        given = self._tx.get(ASSIGNMENTS, sub.name)
        if given is None and sub.assignment is None:
            return sub
        return replace(sub, assignment=self._read(given) if given else None)

    def _ends_to_come_to_pass(self) -> list[tuple[str, datetime]]:
        """Return assignments whose end has come and does not stand yet, by account."""
        return [
            (sub.account, given.end_time)
            for sub, given in self._given()
            if given.over and given.end_time and sub.ending is Ending.NONE
        ]

    def _ended_by_timer(self, since: datetime) -> set[str]:
        """Return accounts in which an end came to pass after a time, but for those at once."""
        return {
            sub.account
            for sub, given in self._given()
            if given.end_time and given.end_ask_time and given.end_time > given.end_ask_time
            if sub.ending is Ending.ENDED and sub.suspend_time and sub.suspend_time > since
        }

    def _given(self) -> list[tuple[Subscription, Assignment]]:
        rows = self._tx.rows(ASSIGNMENTS)
        found = [(self._tx.get(SUBSCRIPTIONS, name), given) for name, given in rows]
        return [(sub, self._read(given)) for sub, given in found if sub is not None]

    def _subscriptions(self) -> list[Subscription]:
        return [sub for _, sub in self._tx.rows(SUBSCRIPTIONS)]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._tx.db.now(), UTC)
