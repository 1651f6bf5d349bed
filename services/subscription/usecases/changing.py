"""Changes and ends subscriptions at their provider; what is in force follows when it has told."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.chassis.errors import Aborted
from services.chassis.identity import Principal
from services.subscription.auditing import Actor, Change, OnceScope
from services.subscription.domain import Account, State, Subscription
from services.subscription.errors import (
    AddonNotHeld,
    AssignedByHand,
    NotBilled,
    SubscriptionChanged,
    SubscriptionOver,
    UnknownSubscription,
)
from services.subscription.lifecycle import standing_of, state_of
from services.subscription.offers import AddonQuantity, Offer
from services.subscription.ports import BilledItem, EndMode, Store
from services.subscription.purchasing import CancelRequest, UpdateRequest
from services.subscription.units import Unit, units_of
from services.subscription.usecases.desk import Desk, first_answer, keys_of
from services.subscription.usecases.freshness import News, hear_of
from services.subscription.usecases.sight import require_may_change
from services.subscription.usecases.targets import items_of, target_of
from services.subscription.usecases.usage import refuse_what_is_in_use

_OVER = (State.CANCELED, State.EXPIRED)
_TRIES = 4
"""How often a change is worked out anew because others were faster."""


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

    async def look() -> Held:
        return await desk.tx.run(lambda store: _held(store, principal, desk.claim, request.name))

    held = await look()
    actor = Actor(principal.subject, trace_id)
    scope = _scope(actor, "UpdateSubscription", held, request.request_id, request.request_hash)
    if request.validate_only:
        return (await _target(desk, held, request)).asked
    answered = await first_answer(desk.tx, scope)
    if answered is not None:
        return _with_answer(held.subscription, answered)
    asked = await _change(desk, look, request, scope)
    change = Change(actor, "subscription.update", asked.name, "ASKED_FOR", _details(asked.offer))
    await _record(desk, scope, change, _answer(asked.offer))
    return asked


async def _change(
    desk: Desk, look: Callable[[], Awaitable[Held]], request: UpdateRequest, scope: OnceScope
) -> Subscription:
    """Have a subscription billed for what is asked for, worked out from what is billed just then.

    What is held here may be older: somebody's change is on its way, or was made at the provider.
    Payments refuses what was worked out from that, and it is worked out anew from fresh news.
    """
    keys = keys_of(scope, desk.ids)
    for number in range(_TRIES):
        held, mark = await look(), str(number or "")
        name = held.subscription.key.provider_subscription_id
        step = replace(scope, rpc=f"{scope.rpc}.target{mark}")
        try:
            chosen = await _chosen(desk, held, request, step)
            key = keys.of(f"change{mark}")
            await desk.payments.change(held.account.name, name, chosen.items, key, chosen.held)
        except AddonNotHeld:
            if number:
                raise
        except Aborted as refusal:
            if refusal.reason != SubscriptionChanged.reason:
                raise
        else:
            return chosen.asked
        await hear_of(News(desk.payments, desk.take), name)
    raise SubscriptionChanged(request.name)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is asked for, what it is billed as, and what was billed as that was worked out."""

    asked: Subscription
    items: Sequence[BilledItem]
    held: Sequence[BilledItem]


async def _target(desk: Desk, held: Held, request: UpdateRequest) -> _Chosen:
    _refuse_over(held)
    target = await target_of(desk.pricing, held.unit, held.subscription, request)
    await refuse_what_is_in_use(desk, held.account, held.subscription.offer, target.limits)
    billed = [BilledItem(item.price_id, item.quantity) for item in items_of(held.unit)]
    return _Chosen(replace(held.subscription, offer=target.offer), target.items, billed)


async def _chosen(desk: Desk, held: Held, request: UpdateRequest, step: OnceScope) -> _Chosen:
    """Return what the request asks for, as it was understood when this try first came.

    One unit more than what is held is something else once the provider has told of it: who asks
    again with the same key would be billed for another target, or refused for ever.
    """
    kept = await first_answer(desk.tx, step)
    if kept is None:
        target = await _target(desk, held, request)

        async def produce() -> str:
            return json.dumps(
                [_answer(target.asked.offer), _plain(target.items), _plain(target.held)]
            )

        kept = await desk.tx.run(lambda store: store.once(step, produce))
    # What the previous version kept says nothing of what was held.
    answer, *items = json.loads(kept)
    billed, was = (*items, [])[:2]
    return _Chosen(_with_answer(held.subscription, answer), _items(billed), _items(was))


def _plain(items: Sequence[BilledItem]) -> list[list[str | int]]:
    return [[item.price_id, item.quantity] for item in items]


def _items(plain: Sequence[tuple[str, int]]) -> list[BilledItem]:
    return [BilledItem(price_id, quantity) for price_id, quantity in plain]


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
    answered = await first_answer(desk.tx, scope)
    if answered is not None:
        return _as_ending(held, request.mode, answered)
    answer = await _begun(desk, held, request.mode, scope)
    key = held.subscription.key
    request_id = keys_of(scope, desk.ids).of("end")
    await desk.payments.end(
        held.account.name, key.provider_subscription_id, request.mode, request_id
    )
    details = (("account", held.account.name), ("mode", request.mode.lower()))
    reason = request.reason or "ASKED_FOR"
    change = Change(actor, "subscription.cancel", held.subscription.name, reason, details)
    await _record(desk, scope, change, answer)
    return _as_ending(held, request.mode, answer)


async def _begun(desk: Desk, held: Held, mode: EndMode, scope: OnceScope) -> str:
    """Judge an end, and say what it is answered, when it first comes only: asked for again it may
    have happened already.
    """
    step = replace(scope, rpc=f"{scope.rpc}.begun")
    kept = await first_answer(desk.tx, step)
    if kept is not None:
        return kept
    _refuse_over(held)

    async def produce() -> str:
        return _ending(replace(held.subscription, state=_state_after(held, mode)))

    return await desk.tx.run(lambda store: store.once(step, produce))


async def _held(store: Store, principal: Principal, claim: str, name: str) -> Held:
    found = await store.subscription(name)
    owner = await store.account(found.account) if found else None
    account = require_may_change(principal, claim, owner)
    if found is None or account is None:
        raise UnknownSubscription(name)
    # What is held and what is billed as that are read at once: news may come in between.
    holdings = await store.holdings(account)
    held = next((one for one in holdings.subscriptions if one.name == name), None)
    if held is None:
        raise UnknownSubscription(name)
    unit = next(unit for unit in units_of(holdings) if unit.key == held.key)
    return Held(account, held, unit)


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


def _ending(asked: Subscription) -> str:
    """Return what the answer to an end says of its moment, to be said again."""
    times = [asked.period_start, asked.period_end, asked.suspend_time]
    return json.dumps([_answer(asked.offer), asked.state, [_written(time) for time in times]])


def _as_ending(held: Held, mode: EndMode, answered: str) -> Subscription:
    if answered == held.subscription.name:
        # The previous version kept no more of its answer.
        return replace(held.subscription, state=_state_after(held, mode))
    offer, state, times = json.loads(answered)
    began, ends, suspended = (datetime.fromisoformat(time) if time else None for time in times)
    return replace(
        _with_answer(held.subscription, offer),
        state=State(state),
        period_start=began,
        period_end=ends,
        suspend_time=suspended,
    )


def _written(time: datetime | None) -> str:
    return time.isoformat() if time else ""
