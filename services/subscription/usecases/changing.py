"""Changes and ends subscriptions at their provider; what is in force follows when it has told."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.chassis.identity import Principal
from services.subscription.auditing import Actor, Change, OnceScope
from services.subscription.domain import Account, State, Subscription
from services.subscription.errors import (
    AssignedByHand,
    NotBilled,
    SubscriptionOver,
    UnknownSubscription,
)
from services.subscription.lifecycle import standing_of, state_of
from services.subscription.offers import AddonQuantity, Offer
from services.subscription.ports import BilledItem, EndMode, Store
from services.subscription.purchasing import CancelRequest, UpdateRequest
from services.subscription.units import Unit, units_of
from services.subscription.usecases.desk import Desk, first_answer, keys_of
from services.subscription.usecases.sight import require_may_change
from services.subscription.usecases.targets import target_of
from services.subscription.usecases.usage import refuse_what_is_in_use

_OVER = (State.CANCELED, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription with what is known of it at its provider."""

    account: Account
    subscription: Subscription
    unit: Unit


async def update_subscription(
    desk: Desk, principal: Principal, request: UpdateRequest, trace_id: str = ""
) -> Subscription:
    """Have a subscription billed for another plan or other add-ons, by the same currency and
    interval; return it as it was asked to be. See the contract for what is refused.
    """
    request.check()
    held = await desk.tx.run(lambda store: _held(store, principal, desk.claim, request.name))
    actor = Actor(principal.subject, trace_id)
    scope = _scope(actor, "UpdateSubscription", held, request.request_id, request.request_hash)
    if not request.validate_only:
        answered = await first_answer(desk.tx, scope)
        if answered is not None:
            return _with_answer(held.subscription, answered)
    if request.validate_only:
        return (await _target(desk, held, request))[0]
    asked, items = await _chosen(desk, held, request, scope)
    key = held.subscription.key
    request_id = keys_of(scope, desk.ids).of("change")
    await desk.payments.change(held.account.name, key.provider_subscription_id, items, request_id)
    change = Change(actor, "subscription.update", asked.name, "ASKED_FOR", _details(asked.offer))
    await _record(desk, scope, change, _answer(asked.offer))
    return asked


async def _target(
    desk: Desk, held: Held, request: UpdateRequest
) -> tuple[Subscription, Sequence[BilledItem]]:
    _refuse_over(held)
    target = await target_of(desk.pricing, held.unit, held.subscription, request)
    await refuse_what_is_in_use(desk, held.account, held.subscription.offer, target.limits)
    return replace(held.subscription, offer=target.offer), target.items


async def _chosen(
    desk: Desk, held: Held, request: UpdateRequest, scope: OnceScope
) -> tuple[Subscription, Sequence[BilledItem]]:
    """Return what the request asks for, as it was understood when it first came.

    One unit more than what is held is something else once the provider has told of it: who asks
    again with the same key would be billed for another target, or refused for ever.
    """
    step = replace(scope, rpc=f"{scope.rpc}.target")
    kept = await first_answer(desk.tx, step)
    if kept is None:
        asked, items = await _target(desk, held, request)

        async def produce() -> str:
            billed = [[item.price_id, item.quantity] for item in items]
            return json.dumps([_answer(asked.offer), billed])

        kept = await desk.tx.run(lambda store: store.once(step, produce))
    answer, billed = json.loads(kept)
    items = [BilledItem(price_id, quantity) for price_id, quantity in billed]
    return _with_answer(held.subscription, answer), items


async def cancel_subscription(
    desk: Desk, principal: Principal, request: CancelRequest, trace_id: str = ""
) -> Subscription:
    """End a subscription when its period does, or now, or take a coming end back; return it as it
    was asked to be.
    """
    request.check()
    held = await desk.tx.run(lambda store: _held(store, principal, desk.claim, request.name))
    actor = Actor(principal.subject, trace_id)
    scope = _scope(actor, "CancelSubscription", held, request.request_id, request.request_hash)
    asked = replace(held.subscription, state=_state_after(held, request.mode))
    if await first_answer(desk.tx, scope) is not None:
        return asked
    await _begun(desk, held, scope)
    key = held.subscription.key
    request_id = keys_of(scope, desk.ids).of("end")
    await desk.payments.end(
        held.account.name, key.provider_subscription_id, request.mode, request_id
    )
    details = (("account", held.account.name), ("mode", request.mode.lower()))
    reason = request.reason or "ASKED_FOR"
    change = Change(actor, "subscription.cancel", asked.name, reason, details)
    await _record(desk, scope, change, asked.name)
    return asked


async def _begun(desk: Desk, held: Held, scope: OnceScope) -> None:
    """Judge an end when it first comes only: asked for again it may have happened already."""
    step = replace(scope, rpc=f"{scope.rpc}.begun")
    if await first_answer(desk.tx, step) is not None:
        return
    _refuse_over(held)

    async def produce() -> str:
        return held.subscription.name

    await desk.tx.run(lambda store: store.once(step, produce))


async def _held(store: Store, principal: Principal, claim: str, name: str) -> Held:
    found = await store.subscription(name)
    owner = await store.account(found.account) if found else None
    account = require_may_change(principal, claim, owner)
    if found is None or account is None:
        raise UnknownSubscription(name)
    units = units_of(await store.holdings(account))
    return Held(account, found, next(unit for unit in units if unit.key == found.key))


def _refuse_over(held: Held) -> None:
    sub = held.subscription
    if sub.assignment is not None:
        raise AssignedByHand(sub.name)
    if sub.state in _OVER or _ended_at_provider(held.unit):
        raise SubscriptionOver(sub.name)
    if not sub.key.provider_subscription_id:
        raise NotBilled(sub.name)


def _ended_at_provider(unit: Unit) -> bool:
    """Tell whether the provider says so, also while a grace is still shown as suspended."""
    return unit.state in _OVER


def _state_after(held: Held, mode: EndMode) -> State:
    """Return the state that the table gives once the provider has told."""
    sub, seen = held.subscription, held.unit.snapshot.seen if held.unit.snapshot else None
    if mode is EndMode.NOW:
        return standing_of(State.CANCELED, sub.offer, over=False).state
    if seen is None:
        return State.CANCELING if mode is EndMode.AT_PERIOD_END else sub.state
    asked = replace(seen, cancel_at_period_end=mode is EndMode.AT_PERIOD_END)
    state = state_of(asked, begun=sub.begin_time is not None)
    return standing_of(state, sub.offer, over=sub.over).state


def _scope(actor: Actor, rpc: str, held: Held, key: str, request_hash: bytes) -> OnceScope:
    return OnceScope(actor.name, rpc, key, request_hash, held.account.name)


async def _record(desk: Desk, scope: OnceScope, change: Change, answer: str) -> None:
    async def act(store: Store) -> None:
        async def produce() -> str:
            await store.audit(change)
            return answer

        await store.once(scope, produce)

    await desk.tx.run(act)


def _details(offer: Offer) -> tuple[tuple[str, str], ...]:
    addons = ",".join(f"{addon.addon}={addon.quantity}" for addon in offer.addons)
    return (("plan", offer.plan), ("addons", addons))


def _answer(offer: Offer) -> str:
    addons = [[addon.addon, addon.quantity] for addon in offer.addons]
    return json.dumps([offer.plan, offer.terms.display_name, addons])


def _with_answer(sub: Subscription, answered: str) -> Subscription:
    plan, display_name, addons = json.loads(answered)
    offer = replace(
        sub.offer,
        plan=plan,
        addons=tuple(AddonQuantity(addon, quantity) for addon, quantity in addons),
        terms=replace(sub.offer.terms, display_name=display_name),
    )
    return replace(sub, offer=offer)
