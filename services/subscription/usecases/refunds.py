"""Gives back what was paid for something that cannot be given.

Two steps: under the account's lock it is decided, and from then on the payment is never applied;
then payments is asked, until it has done it. A brake keeps a mistake of ours from giving back
everything at once.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.chassis.errors import FailedPrecondition, Refusal, is_transient
from services.chassis.ids import derived
from services.subscription.auditing import Actor, Alert, Change
from services.subscription.domain import Purchase, PurchaseStatus
from services.subscription.ports import (
    NO_PROVIDER,
    Payments,
    Store,
    SubscriptionTransactions,
)

DAY = timedelta(days=1)
WINDOW = timedelta(hours=1)
LEAST_LIMIT = 5
SHARE = 50
"""One in so many of a day's purchases may be given back within the window."""
BATCH = 20
WORKER = Actor("subscription.refunds")
_NOTHING = "NOTHING_TO_REFUND"


@dataclass(frozen=True, slots=True)
class Decisions:
    """How many refunds were due and decided on. ``stopped`` says that they were too many."""

    due: int
    limit: int
    done: int = 0
    stopped: bool = False


async def decide_refunds(
    tx: SubscriptionTransactions,
    *,
    delay: timedelta,
    limit: int | None = None,
    actor: Actor = WORKER,
    reason: str = "",
) -> Decisions:
    """Decide on purchases that have been due for ``delay``, unless they are too many.

    The delay is for facts that come late and make a payment fit after all. The most is max(5, 2 %
    of the last day's purchases) within an hour; a person may give another ``limit`` for one go,
    which is on record.
    """
    found = await tx.run(partial(_look, delay=delay, limit=limit))
    if found.stopped or not found.due:
        return found
    if limit is not None:
        await tx.run(partial(_note_limit, actor=actor, found=found, reason=reason))
    done = 0
    for purchase in await tx.run(lambda store: store.refundable(delay, found.due)):
        done += await tx.run(partial(_decide, purchase=purchase, actor=actor))
    return Decisions(found.due, found.limit, done)


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


async def _decide(store: Store, *, purchase: Purchase, actor: Actor) -> bool:
    await store.lock_account(purchase.account)
    fresh = await store.purchase(purchase.name)
    if fresh is None or fresh.status is not PurchaseStatus.REFUND_DUE or fresh.refunding:
        return False
    await store.decide_refund(fresh.name)
    await store.audit(_change(actor, "purchase.refund", fresh))
    return True


async def give_refunds(
    tx: SubscriptionTransactions, payments: Payments
) -> tuple[int, tuple[Alert, ...]]:
    """Ask payments for the refunds that were decided and are due for a try.

    Returns how many were given back, and what a person has to look at. Nothing is asked while no
    provider is on.
    """
    provider = await payments.get_provider()
    if provider.name == NO_PROVIDER:
        return 0, ()
    done, alerts = 0, list[Alert]()
    for purchase in await tx.run(lambda store: store.claim_refunds(provider.name, BATCH)):
        try:
            refund_id = await _give(payments, purchase)
        except Refusal as refusal:
            # Tried again at its next time, which stands already.
            if not is_transient(refusal):
                alerts.append(_failed(purchase, refusal))
            continue
        done += await tx.run(partial(_note, purchase=purchase, refund_id=refund_id))
    return done, tuple(alerts)


async def _give(payments: Payments, purchase: Purchase) -> str:
    request_id = derived("req", "refund", purchase.name)
    try:
        return await payments.refund(purchase.checkout.checkout_id, purchase.reason, request_id)
    except FailedPrecondition as refusal:
        if refusal.reason == _NOTHING:
            return ""
        raise


async def _note(store: Store, *, purchase: Purchase, refund_id: str) -> bool:
    noted = await store.note_refund(purchase.name, refund_id)
    if noted:
        await store.audit(_change(WORKER, "purchase.refunded", purchase, ("refund", refund_id)))
    return noted


def _change(actor: Actor, action: str, purchase: Purchase, *more: tuple[str, str]) -> Change:
    details = (("account", purchase.account), ("checkout", purchase.checkout.checkout_id), *more)
    return Change(actor, action, purchase.name, str(purchase.reason), details)


def _failed(purchase: Purchase, refusal: Refusal) -> Alert:
    details = (("checkout", purchase.checkout.checkout_id), ("refusal", refusal.reason))
    return Alert("REFUND_FAILED", purchase.name, details)
