"""Brings an account into line with its objects, within one transaction."""

from collections.abc import Awaitable
from datetime import datetime

from services.subscription.auditing import Actor, Alert, Change
from services.subscription.domain import (
    Account,
    CapacityOrdered,
    Order,
    Phase,
    Purchase,
    Subscription,
)
from services.subscription.ports import Store
from services.subscription.reckoning import Reckoning, reckon
from services.subscription.units import Holdings
from services.subscription.usecases.late_money import ask_for_late_money
from services.subscription.usecases.renewing import renew
from services.subscription.usecases.rivals import note_rivals


async def settle(
    store: Store,
    account: Account,
    actor: Actor,
    *,
    traceparent: str = "",
    receive_time: datetime | None = None,
    permit: bool = False,
) -> tuple[Alert, ...]:
    """Write what the objects of a locked account amount to; an account in line costs no write.

    Returns what a person has to look at. ``permit`` is the retention timer's alone.
    """
    holdings = await store.holdings(account)
    now = await store.now()
    found = reckon(holdings, now=now, epoch=holdings.epoch, permit=permit)
    await _save(store, holdings, found, actor)
    rivals = await note_rivals(store, holdings.giving_way, found.giving_way, actor)
    await _renew(store, holdings, found, actor)
    await ask_for_late_money(store, holdings, actor)
    if found.order is not None:
        await give_order(store, found.order, actor, traceparent, receive_time)
    return (*found.alerts, *rivals)


async def _save(store: Store, holdings: Holdings, found: Reckoning, actor: Actor) -> None:
    before = {sub.name: sub for sub in holdings.subscriptions}
    for sub in found.subscriptions:
        await store.save_subscription(sub)
        await store.audit(_subscription_change(actor, before.get(sub.name), sub))
    for purchase in found.purchases:
        await store.save_purchase(purchase)
        await store.audit(purchase_change(actor, purchase))


def _renew(store: Store, holdings: Holdings, found: Reckoning, actor: Actor) -> Awaitable[None]:
    subscriptions = {sub.name: sub for sub in (*holdings.subscriptions, *found.subscriptions)}
    purchases = {one.name: one for one in (*holdings.purchases, *found.purchases)}
    return renew(store, holdings, [*subscriptions.values()], [*purchases.values()], actor)


async def give_order(
    store: Store, order: Order, actor: Actor, traceparent: str, receive_time: datetime | None
) -> None:
    """Write an order and the fact of it. The caller holds the account's lock."""
    await store.save_order(order)
    await store.append(CapacityOrdered(order, receive_time), traceparent)
    details = (
        ("incarnation", str(order.incarnation)),
        ("epoch", str(order.epoch)),
        ("generation", str(order.generation)),
        ("plan", order.plan),
    )
    reason = "RETENTION_OVER" if order.phase is Phase.DELETED else "ACCOUNT_CHANGED"
    action = f"order.{order.phase.lower()}"
    await store.audit(Change(actor, action, order.account, reason, details))


def _subscription_change(actor: Actor, before: Subscription | None, after: Subscription) -> Change:
    was = before.state if before else "NEW"
    details = (("account", after.account), ("plan", after.offer.plan), ("before", was))
    return Change(actor, "subscription.change", after.name, after.state, details)


def purchase_change(actor: Actor, purchase: Purchase) -> Change:
    """Return the audit line of what became of a purchase."""
    details = (("account", purchase.account), ("checkout", purchase.checkout.checkout_id))
    action = f"purchase.{purchase.status.lower()}"
    return Change(actor, action, purchase.name, purchase.reason or "PAID", details)
