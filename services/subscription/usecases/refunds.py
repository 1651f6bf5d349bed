"""Gives back what was paid for something that cannot be given, or that gives way.

Two steps: under the account's lock it is decided, and from then on the payment is never applied;
then payments is asked, until it has done it. What news can change is decided only on news that were
fetched after the decision was due; one that has none waits, and stops no other. A brake keeps a
mistake of ours from giving back everything at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from services.chassis.errors import Refusal, is_transient
from services.subscription.auditing import Actor, Alert, Change
from services.subscription.ports import (
    NO_PROVIDER,
    Payments,
    Store,
    SubscriptionTransactions,
)
from services.subscription.usecases.freshness import Look, News
from services.subscription.usecases.giving_back import (
    WORKER,
    GivingBack,
    RefusedPurchase,
    Rival,
    Verdict,
)

DAY = timedelta(days=1)
WINDOW = timedelta(hours=1)
LEAST_LIMIT = 5
SHARE = 50
"""One in so many of a day's purchases may be given back within the window."""
BATCH = 20
CALLS = 40
"""How many subscriptions are looked at again in one round, unless a person allows more."""
LONG = timedelta(hours=6)
"""After so long without news a person is told of a decision that waits for them."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """How many refunds were due and decided on. ``stopped`` says that they were too many.

    ``limit`` is not reckoned where nothing is due.
    ``postponed`` is how many wait for news that could not be had.
    """

    due: int
    limit: int
    done: int = 0
    stopped: bool = False
    postponed: int = 0
    alerts: tuple[Alert, ...] = ()

    def plus(self, verdict: Verdict) -> "Decisions":
        """Return them with one more."""
        return replace(
            self,
            done=self.done + verdict.done,
            postponed=self.postponed + bool(verdict.stale),
            alerts=self.alerts + verdict.alerts,
        )


async def decide_refunds(
    tx: SubscriptionTransactions,
    news: News,
    *,
    delay: timedelta,
    limit: int | None = None,
    actor: Actor = WORKER,
    reason: str = "",
) -> Decisions:
    """Decide on what has been due for ``delay``, unless that is too much.

    The delay is for facts that come late and make a payment fit after all. The most is max(5, 2 %
    of the last day's purchases) within an hour; a person may give another ``limit`` for one go,
    which is on record. What waits for news is due again later and not counted until then.
    """
    if limit is None and not await tx.single(lambda store: store.count_refundable(delay)):
        return Decisions(due=0, limit=0)
    found = await tx.run(partial(_look, delay=delay, limit=limit))
    if found.stopped or not found.due:
        return found
    if limit is not None:
        await tx.run(partial(_note_limit, actor=actor, found=found, reason=reason))
    due = await tx.run(partial(_due, delay=delay, limit=found.due))
    look = Look(news, max(CALLS, 2 * (limit or 0)))
    for one in due:
        found = found.plus(await _decide(tx, one, look, actor))
    return found


async def _look(store: Store, *, delay: timedelta, limit: int | None) -> Decisions:
    due = await store.count_refundable(delay)
    if limit is not None:
        return Decisions(due, limit, stopped=due > limit)
    allowed = max(LEAST_LIMIT, await store.count_purchases(DAY) // SHARE)
    recent = await store.count_decided(WINDOW) if due else 0
    return Decisions(due, allowed, stopped=due > 0 and due + recent > allowed)


async def _note_limit(store: Store, *, actor: Actor, found: Decisions, reason: str) -> None:
    details = (("due", str(found.due)), ("limit", str(found.limit)))
    await store.audit(Change(actor, "refund.sweep", "purchases", reason or "LIMIT_GIVEN", details))


async def _due(store: Store, *, delay: timedelta, limit: int) -> Sequence[GivingBack]:
    found: list[GivingBack] = [RefusedPurchase(one) for one in await store.refundable(delay, limit)]
    found += [Rival(one) for one in await store.due_giving_way(delay, limit)]
    return found[:limit]


async def _decide(
    tx: SubscriptionTransactions, one: GivingBack, look: Look, actor: Actor
) -> Verdict:
    """Decide on one, with news of all that it rests on; the verdict is stale if there are none."""
    alerts: tuple[Alert, ...] = ()
    while True:
        verdict = await tx.run(partial(one.decide, look=look, actor=actor))
        alerts += verdict.alerts
        if not verdict.stale:
            return replace(verdict, alerts=alerts)
        if not look.may_ask(verdict.stale):
            # Its turn comes with the next round: nothing was tried.
            return Verdict(alerts=alerts)
        if not await look.refresh(verdict.stale):
            late = await tx.run(partial(_postpone, name=one.name))
            told = (one.alert("REFUND_WAITS_FOR_NEWS"),) if late else ()
            return replace(verdict, alerts=alerts + told)


async def _postpone(store: Store, *, name: str) -> bool:
    return await store.postpone(name, LONG)


async def refunds_ahead(tx: SubscriptionTransactions, delay: timedelta) -> bool:
    """Tell whether there is anything to decide on after the delay, or to give back."""
    return await tx.single(lambda store: store.refunds_ahead(delay))


async def give_refunds(
    tx: SubscriptionTransactions, payments: Payments
) -> tuple[int, tuple[Alert, ...]]:
    """Ask payments for what was decided and is due for a try.

    Returns how many were given back, and what a person has to look at. Nothing is asked while no
    provider is on.
    """
    if not await tx.single(lambda store: store.refunds_wait()):
        return 0, ()
    provider = await payments.get_provider()
    if provider.name == NO_PROVIDER:
        return 0, ()
    done, alerts = 0, list[Alert]()
    for one in await tx.run(partial(_claim, provider=provider.name)):
        try:
            refund_id = await one.give(payments)
        except Refusal as refusal:
            # Tried again at its next time, which stands already.
            if not is_transient(refusal):
                alerts.append(one.alert("REFUND_FAILED", ("refusal", refusal.reason)))
            continue
        done += await tx.run(partial(one.note, refund_id=refund_id))
    return done, tuple(alerts)


async def _claim(store: Store, *, provider: str) -> Sequence[GivingBack]:
    found: list[GivingBack] = [
        RefusedPurchase(one) for one in await store.claim_refunds(provider, BATCH)
    ]
    found += [Rival(one) for one in await store.claim_giving_way(provider, BATCH)]
    return found
