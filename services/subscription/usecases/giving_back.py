"""The two kinds of what is given back: purchases that have no place, subscriptions that give way.

Both are decided under the account's lock, on fresh news where news can change the decision, and
asked of payments afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.chassis.errors import FailedPrecondition
from services.chassis.ids import derived
from services.subscription.auditing import Actor, Alert, Change
from services.subscription.domain import (
    GivingWay,
    Purchase,
    PurchaseStatus,
    Reason,
    UnitKey,
)
from services.subscription.ports import Payments, Store
from services.subscription.reckoning import reckon, refusal_rests_on
from services.subscription.usecases.freshness import Look
from services.subscription.usecases.rivals import rival_alert, rival_change
from services.subscription.usecases.settling import settle

WORKER = Actor("subscription.refunds")
_NOTHING = "NOTHING_TO_REFUND"


def _request(what: str, name: str, again: int) -> str:
    """Return the key of asking for it: each time that it is asked for again has its own."""
    return derived("req", what, name, *([str(again)] if again else []))


def _times(again: int) -> tuple[tuple[str, str], ...]:
    return (("again", str(again)),) if again else ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one decision: made, not to be made any more, or waiting.

    ``stale`` are the subscriptions that have to be looked at again before it can be made.
    """

    done: bool = False
    stale: Sequence[UnitKey] = ()
    alerts: tuple[Alert, ...] = field(default=())


class GivingBack(Protocol):
    """Something that is to be given back."""

    @property
    def name(self) -> str:
        """The purchase or subscription that it is about."""
        ...

    async def decide(self, store: Store, look: Look, actor: Actor) -> Verdict:
        """Decide on it within a transaction, if what it rests on was looked at."""
        ...

    async def give(self, payments: Payments) -> str:
        """Have it given back, once; return the refund's id, empty if there was nothing."""
        ...

    async def note(self, store: Store, refund_id: str) -> bool:
        """Note that it was given back; False if that was known."""
        ...

    def alert(self, reason: str, *more: tuple[str, str]) -> Alert:
        """Return what a person is told of it."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedPurchase:
    """A purchase that was not taken."""

    purchase: Purchase

    @property
    def name(self) -> str:
        """The purchase's."""
        return self.purchase.name

    async def decide(self, store: Store, look: Look, actor: Actor) -> Verdict:
        """Decide, unless it has a place by now; why a payment itself is refused never changes."""
        account = await store.lock_account(self.purchase.account)
        fresh = await store.purchase(self.name)
        if fresh is None or fresh.status is not PurchaseStatus.REFUND_DUE or fresh.refunding:
            return Verdict()
        if account is not None and fresh.reason == Reason.ACCOUNT_HAS_SUBSCRIPTION:
            holdings = await store.holdings(account)
            rests_on = refusal_rests_on(holdings, self.name)
            if not rests_on:
                return Verdict(alerts=await settle(store, account, actor))
            stale = look.stale(holdings, rests_on)
            if stale:
                return Verdict(stale=stale)
        await store.decide_refund(self.name)
        await store.audit(self._change(actor, "purchase.refund"))
        return Verdict(done=True)

    async def give(self, payments: Payments) -> str:
        """Give back what its checkout was paid with."""
        request_id = _request("refund", self.name, self.purchase.again)
        checkout_id = self.purchase.checkout.checkout_id
        try:
            return await payments.refund(checkout_id, self.purchase.reason, request_id)
        except FailedPrecondition as refusal:
            if refusal.reason == _NOTHING:
                return ""
            raise

    async def note(self, store: Store, refund_id: str) -> bool:
        """Note it."""
        again = self.purchase.again
        noted = await store.note_refund(self.name, refund_id, again)
        if noted:
            given = (("refund", refund_id), *_times(again))
            await store.audit(self._change(WORKER, "purchase.refunded", *given))
        return noted

    def alert(self, reason: str, *more: tuple[str, str]) -> Alert:
        """Name the checkout."""
        return Alert(reason, self.name, (("checkout", self.purchase.checkout.checkout_id), *more))

    def _change(self, actor: Actor, action: str, *more: tuple[str, str]) -> Change:
        purchase = self.purchase
        details = (("account", purchase.account), ("checkout", purchase.checkout.checkout_id))
        return Change(actor, action, self.name, str(purchase.reason), (*details, *more))


@dataclass(frozen=True, slots=True)
class Rival:
    """A subscription that gives way to one that was bought after it."""

    row: GivingWay

    @property
    def name(self) -> str:
        """The subscription's."""
        return self.row.subscription

    async def decide(self, store: Store, look: Look, actor: Actor) -> Verdict:
        """Decide, if both are still in force; from then on the account goes on without it."""
        account = await store.lock_account(self.row.account)
        if account is None:
            return Verdict()
        holdings = await store.holdings(account)
        if any(row.decided and row.subscription == self.name for row in holdings.giving_way):
            return Verdict()
        found = reckon(holdings, now=await store.now(), epoch=holdings.epoch).giving_way
        row = next((one for one in found if one.subscription == self.name), None)
        if row is None:
            return Verdict(alerts=await settle(store, account, actor))
        stays = [sub.key for sub in holdings.subscriptions if sub.name == row.to]
        stale = look.stale(holdings, [row.key, *stays])
        if stale:
            return Verdict(stale=stale)
        await store.save_giving_way(row)
        await store.decide_giving_way(self.name)
        await store.audit(rival_change(actor, "subscription.give_way", row))
        return Verdict(done=True, alerts=await settle(store, account, actor))

    async def give(self, payments: Payments) -> str:
        """End it, and give back what was collected since the other was bought."""
        row = self.row
        return await payments.give_way(
            row.account,
            row.key.provider_subscription_id,
            row.paid_since,
            Reason.GAVE_WAY,
            _request("give-way", self.name, row.again),
        )

    async def note(self, store: Store, refund_id: str) -> bool:
        """Note it."""
        again = self.row.again
        noted = await store.note_gave_way(self.name, refund_id, again)
        if noted:
            given = (("refund", refund_id), *_times(again))
            await store.audit(rival_change(WORKER, "subscription.gave_way", self.row, *given))
        return noted

    def alert(self, reason: str, *more: tuple[str, str]) -> Alert:
        """Name both."""
        return rival_alert(reason, self.row, *more)
