"""Grants what payments have earned, and takes back what reversals undo; under the account's lock.

Renewal closes and opens: the grant of a period closes that of the last, whose remainder expires;
what is held stays pinned to its grant. Nothing expires by the clock: while a renewal's invoice is
still a draft, the last grant goes on.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.chassis.ids import derived
from services.subscription.auditing import Actor
from services.subscription.domain import Phase, Purchase, Subscription
from services.subscription.granting import (
    FIRST_REASON,
    RENEWAL_REASON,
    UNDOES,
    DueGrant,
    Reversal,
    due_by_month,
    due_grant,
    grant_name,
    takes_back,
)
from services.subscription.ledger import (
    Entry,
    Grant,
    Movement,
    OutOfBalance,
    Posting,
)
from services.subscription.lifecycle import phase_of
from services.subscription.offers import rivals
from services.subscription.ports import Store
from services.subscription.units import Holdings, key_of


async def renew(
    store: Store,
    holdings: Holdings,
    subscriptions: Sequence[Subscription],
    purchases: Sequence[Purchase],
    actor: Actor,
) -> None:
    """Bring the credits of a locked account into line with what was paid, and given by hand.

    ``subscriptions`` and ``purchases`` are as they stand by now.
    """
    granting = [sub for sub in subscriptions if sub.begin_time and sub.offer.terms.credits]
    if granting:
        await _grant_due(store, holdings, subscriptions, granting, purchases, actor)
    for reversal in holdings.reversals:
        await _apply(store, holdings.account.name, reversal, purchases, actor)


async def _grant_due(
    store: Store,
    holdings: Holdings,
    subscriptions: Sequence[Subscription],
    granting: Sequence[Subscription],
    purchases: Sequence[Purchase],
    actor: Actor,
) -> None:
    bought = {key_of(purchase).subscription_name: purchase for purchase in purchases}
    live = {sub.name for sub in subscriptions if phase_of(sub) is Phase.RUNNING}
    for sub in granting:
        newest = holdings.grants.get(sub.name)
        if sub.assignment is not None:
            gives = _gives(sub, subscriptions, live)
            now = await store.now()
            due = due_by_month(sub, sub.assignment, newest, now) if gives else None
        else:
            own = [invoice for invoice in holdings.invoices if invoice.subscription == sub.name]
            due = due_grant(sub, bought.get(sub.name), own, newest)
        if due is not None:
            await _open(store, due, live, actor)


def _gives(assigned: Subscription, subscriptions: Sequence[Subscription], live: set[str]) -> bool:
    """Tell whether what was given by hand grants: in force, and nothing paid runs in its place."""
    kind = assigned.offer.capacity.kind
    return assigned.name in live and not any(
        sub.assignment is None and sub.name in live and rivals(sub.offer.capacity.kind, kind)
        for sub in subscriptions
    )


async def _open(store: Store, due: DueGrant, live: set[str], actor: Actor) -> None:
    """Grant, and close what this grant succeeds; a grant that stands is not granted again."""
    await store.open_pool(due.pool)
    fresh = Grant(
        name=due.name,
        pool=due.pool,
        granted=due.amount,
        remaining=due.amount,
        subscription=due.subscription,
        period_start=due.start,
        period_end=due.end,
    )
    if not await store.add_grant(fresh):
        return
    for old in await store.grants(due.pool):
        succeeded = old.subscription == due.subscription or old.subscription not in live
        if old.subscription and not old.closed and succeeded and old.name != fresh.name:
            await _close(store, old, actor)
    await _post(store, fresh, Movement.GRANT, due.amount, due.subscription, actor)


async def _close(store: Store, old: Grant, actor: Actor) -> None:
    if old.remaining:
        await _post(store, old, Movement.EXPIRE, old.remaining, old.subscription, actor)
    await store.save_grant(
        replace(old, remaining=0, expired=old.expired + old.remaining, closed=True)
    )


async def _apply(
    store: Store, account: str, reversal: Reversal, purchases: Sequence[Purchase], actor: Actor
) -> None:
    if reversal.kind in UNDOES:
        await _undo(store, reversal, actor)
        return
    name = await _paid_for(store, account, reversal, purchases)
    grant = await store.grant(name) if name else None
    if grant is None:
        return
    await store.open_pool(grant.pool)
    grant = await store.grant(name) or grant
    before = sum(one.owed for one in await store.applied_reversals(name))
    taken, owed = takes_back(grant, reversal, before)
    if taken:
        await _post(store, grant, Movement.TAKE_BACK, taken, reversal.reference, actor)
        left = replace(grant, remaining=grant.remaining - taken, reversed=grant.reversed + taken)
        await store.save_grant(left)
    if owed:
        await _post(store, grant, Movement.OWE, owed, reversal.reference, actor)
    await store.save_reversal(replace(reversal, grant=name, taken=taken, owed=owed))


async def _undo(store: Store, reversal: Reversal, actor: Actor) -> None:
    """Give again what the movement of the same id took, once that one is applied.

    What was taken of a grant that is closed by now would have expired with it.
    """
    first = await store.reversal(reversal.reversal_id, UNDOES[reversal.kind])
    if first is None or not first.grant:
        return
    grant = await store.grant(first.grant)
    if grant is None:
        raise OutOfBalance(f"The grant {first.grant} of {first.reference} is not there.")
    await store.open_pool(grant.pool)
    grant = await store.grant(first.grant) or grant
    restored = 0 if grant.closed else first.taken
    if restored:
        await _post(store, grant, Movement.RESTORE, restored, reversal.reference, actor)
        again = replace(
            grant, remaining=grant.remaining + restored, reversed=grant.reversed - restored
        )
        await store.save_grant(again)
    if first.owed:
        await _post(store, grant, Movement.FORGIVE, first.owed, reversal.reference, actor)
    await store.save_reversal(
        replace(reversal, grant=grant.name, taken=-restored, owed=-first.owed)
    )


async def _paid_for(
    store: Store, account: str, reversal: Reversal, purchases: Sequence[Purchase]
) -> str:
    """Return the grant that the payment was for, empty while that is not known."""
    invoice = await store.invoice_paid(account, reversal.invoice_id)
    if invoice is not None and invoice.billing_reason == FIRST_REASON:
        return grant_name(invoice.subscription, None)
    if invoice is not None and invoice.billing_reason == RENEWAL_REASON:
        return grant_name(invoice.subscription, invoice.period_start)
    for purchase in purchases:
        checkout = purchase.checkout
        of_checkout = checkout.checkout_id == reversal.checkout_id
        of_invoice = bool(reversal.invoice_id) and checkout.invoice_id == reversal.invoice_id
        if of_checkout or of_invoice:
            return grant_name(key_of(purchase).subscription_name, None)
    return ""


async def _post(
    store: Store, grant: Grant, movement: Movement, amount: int, reference: str, actor: Actor
) -> Entry:
    posting = Posting(
        name=derived("cre", movement, grant.name, reference),
        pool=grant.pool,
        movement=movement,
        amount=amount,
        reference=reference,
        actor=actor.name,
        trace_id=actor.trace_id,
    )
    entry = await store.post(posting)
    if entry is None:
        raise OutOfBalance(f"{movement} of {amount} in {grant.pool} would overspend.")
    return entry
