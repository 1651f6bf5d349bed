"""Looks again at what a decision rests on: news may be late, and money that went back is gone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from services.chassis.errors import Aborted, Refusal
from services.chassis.facts import FactRecord
from services.subscription.domain import UnitKey
from services.subscription.ports import Payments
from services.subscription.units import Holdings

SOURCE = "payments"
_LOOKS = 3
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("subscription.freshness")

Take = Callable[[FactRecord, str], Awaitable[None]]
"""Takes a fact from the service named second, as if it had been delivered."""


@dataclass(frozen=True, slots=True)
class News:
    """Where news of a provider's subscriptions can be asked for, and who takes them."""

    payments: Payments
    take: Take


@dataclass(slots=True)
class Look:
    """What was asked for in one round of decisions, all of which were due before it began.

    So whatever it was answered was fetched after each of them was due. Each subscription is asked
    for once, and no more than ``calls`` of them.
    """

    news: News
    calls: int
    _revisions: dict[UnitKey, int | None] = field(default_factory=dict)

    def stale(self, holdings: Holdings, keys: Sequence[UnitKey]) -> Sequence[UnitKey]:
        """Return those of a provider's subscriptions of which no answer stands in the account."""
        known = {snapshot.key: snapshot.revision for snapshot in holdings.snapshots}
        return [
            key for key in keys if key.provider_subscription_id and not self._stands(key, known)
        ]

    def may_ask(self, keys: Sequence[UnitKey]) -> bool:
        """Tell whether calls are left to ask for all of these that were not asked for yet."""
        return len([key for key in keys if key not in self._revisions]) <= self.calls

    async def refresh(self, keys: Sequence[UnitKey]) -> bool:
        """Ask for these; False if one of them has no answer, or had none that could be taken."""
        for key in keys:
            if key in self._revisions:
                return False
            self.calls -= 1
            self._revisions[key] = await self._ask(key)
            if self._revisions[key] is None:
                return False
        return True

    def _stands(self, key: UnitKey, known: dict[UnitKey, int]) -> bool:
        answered = self._revisions.get(key)
        return answered is not None and known.get(key, -1) >= answered

    async def _ask(self, key: UnitKey) -> int | None:
        try:
            record = await self.news.payments.refresh(key.provider_subscription_id)
            await self.news.take(record, SOURCE)
        except Refusal as refusal:
            _log.info(
                "A subscription could not be looked at again.",
                provider_subscription=key.provider_subscription_id,
                refusal=refusal.reason,
            )
            return None
        except Exception:  # noqa: BLE001 - one account's news must not keep the others' money
            _log.exception(
                "The news of a subscription could not be taken.",
                provider_subscription=key.provider_subscription_id,
            )
            return None
        return record.revision


async def hear_of(news: News, provider_subscription_id: str) -> None:
    """Take what the provider shows of a subscription now; raises what payments refuses with."""
    for left in reversed(range(_LOOKS)):
        try:
            record = await news.payments.refresh(provider_subscription_id)
        except Aborted:
            # Another look was faster, and what it saw may be on its way: one more is certain.
            if not left:
                raise
        else:
            await news.take(record, SOURCE)
            return
