"""Asks pricing again about prices that no catalog knew when they came."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

from services.chassis.ids import Ids
from services.subscription.auditing import Actor, Alert
from services.subscription.domain import Purchase, Snapshot
from services.subscription.offers import Appraisal, Offer
from services.subscription.ports import Pricing, Store, SubscriptionTransactions
from services.subscription.usecases.appraising import AskedOnce, PricesInForce, appraise
from services.subscription.usecases.facts import waits_for
from services.subscription.usecases.owners import find_owner
from services.subscription.usecases.settling import settle

MAX_PRICES = 100
ACTOR = Actor("subscription")


async def retry_unknown_prices(
    tx: SubscriptionTransactions, pricing: Pricing, ids: Ids
) -> tuple[Alert, ...]:
    """Apply what waited for prices that a catalog knows by now."""
    alerts: tuple[Alert, ...] = ()
    async for provider, price in _known_now(tx, pricing):
        while purchases := await tx.run(partial(_purchases, provider=provider, price=price)):
            for purchase in purchases:
                appraisal = await appraise(_anew(pricing), provider, purchase.checkout.items)
                alerts += await tx.run(
                    partial(_price_purchase, purchase=purchase, appraisal=appraisal, ids=ids)
                )
        while snapshots := await tx.run(partial(_snapshots, provider=provider, price=price)):
            for snapshot in snapshots:
                sold = await tx.single(partial(_sold, name=snapshot.key.subscription_name))
                appraisal = await appraise(_anew(pricing), provider, snapshot.seen.items, sold)
                alerts += await tx.run(
                    partial(_price_snapshot, snapshot=snapshot, appraisal=appraisal, ids=ids)
                )
    return alerts


async def _known_now(
    tx: SubscriptionTransactions, pricing: Pricing
) -> AsyncIterator[tuple[str, str]]:
    waiting = await tx.single(lambda store: store.unknown_prices())
    for provider in sorted({provider for provider, _ in waiting}):
        prices = sorted({price for owner, price in waiting if owner == provider})
        for start in range(0, len(prices), MAX_PRICES):
            chunk = prices[start : start + MAX_PRICES]
            for resolved in await pricing.resolve_prices(provider, chunk):
                if resolved.plan or resolved.addon:
                    yield provider, resolved.price_id


def _anew(pricing: Pricing) -> AskedOnce:
    return AskedOnce(pricing, PricesInForce())


async def _sold(store: Store, *, name: str) -> Offer | None:
    return await store.sold(name)


async def _purchases(store: Store, *, provider: str, price: str) -> Sequence[Purchase]:
    return await store.waiting_purchases(provider, price)


async def _snapshots(store: Store, *, provider: str, price: str) -> Sequence[Snapshot]:
    return await store.waiting_snapshots(provider, price)


async def _price_purchase(
    store: Store, *, purchase: Purchase, appraisal: Appraisal, ids: Ids
) -> tuple[Alert, ...]:
    payer = purchase.checkout.payer
    found = await find_owner(store, payer, ACTOR, offer=appraisal.offer, ids=ids)
    fresh = await store.purchase(purchase.name)
    if fresh is None or not fresh.appraisal.unknown_prices:
        return ()
    owner = found.account or fresh.account
    waiting = waits_for(f"checkout:{fresh.checkout.checkout_id}", payer, owner, appraisal)
    reason = appraisal.problem or (waiting[1] if waiting else "")
    await store.save_purchase(replace(fresh, account=owner, appraisal=appraisal, reason=reason))
    await _wait_on(store, fresh.fact_id, waiting)
    receive_time = purchase.checkout.receive_time
    account = await store.lock_account(owner) if owner else None
    if account is None:
        return ()
    return await settle(store, account, ACTOR, receive_time=receive_time)


async def _price_snapshot(
    store: Store, *, snapshot: Snapshot, appraisal: Appraisal, ids: Ids
) -> tuple[Alert, ...]:
    payer = snapshot.seen.payer
    owner = (await find_owner(store, payer, ACTOR, ids=ids)).account
    newest = await store.snapshot(snapshot.key)
    if newest is None or newest.revision != snapshot.revision:
        return ()
    await store.save_snapshot(replace(newest, account=owner, appraisal=appraisal))
    waiting = waits_for(payer.customer.waiting_key, payer, owner, appraisal)
    await _wait_on(store, snapshot.fact_id, waiting)
    account = await store.lock_account(owner) if owner else None
    return await settle(store, account, ACTOR) if account else ()


async def _wait_on(store: Store, fact_id: str, waiting: tuple[str, str] | None) -> None:
    if waiting is None:
        await store.release(fact_id)
    else:
        await store.rewait(fact_id, *waiting)
