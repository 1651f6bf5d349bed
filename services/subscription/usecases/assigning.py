"""Gives plans by hand, without money, and ends what was given. For operators."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from services.chassis.errors import Unavailable
from services.chassis.identity import Principal
from services.subscription.assigning import AssignRequest, EndingMode, EndRequest, check_to_come
from services.subscription.auditing import Actor, Change, OnceScope
from services.subscription.domain import Account, AccountKind, Assignment, Phase, Subscription
from services.subscription.errors import (
    NotAssigned,
    PlanNotForAccount,
    RoomTaken,
    SubscriptionOver,
    UnknownAccount,
    UnknownSubscription,
)
from services.subscription.granting import month_of
from services.subscription.lifecycle import phase_of
from services.subscription.offers import CapacityKind, Offer, rivals
from services.subscription.ports import Expansion, Plan, Store
from services.subscription.reckoning import reckon
from services.subscription.units import Holdings
from services.subscription.usecases.desk import Desk, first_answer
from services.subscription.usecases.settling import settle
from services.subscription.usecases.sight import require_operator
from services.subscription.usecases.usage import refuse_what_is_in_use


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be given, by whom, and the name that it gets where it is new."""

    request: AssignRequest
    actor: Actor
    offer: Offer
    name: str


async def assign_plan(
    desk: Desk, principal: Principal, request: AssignRequest, trace_id: str = ""
) -> Subscription:
    """Give an account a plan, for operators; see the contract for what is refused."""
    require_operator(principal)
    return await give_plan(desk, Actor(principal.subject, trace_id), request)


async def give_plan(desk: Desk, actor: Actor, request: AssignRequest) -> Subscription:
    """Give an account a plan in an operator's name; return what it holds by that.

    Asks pricing, and the provisioner where something becomes less, before the transaction.
    """
    request.check()
    scope = OnceScope(
        actor.name, "AssignPlan", request.request_id, request.request_hash, request.account
    )
    answered = None if request.validate_only else await first_answer(desk.tx, scope)
    if answered is not None:
        return await desk.tx.run(partial(_shown, name=answered))
    plan, expansion = await _expanded(desk, request)
    wish = _Wish(request, actor, _offer(request, plan, expansion), desk.ids.new("tsub"))
    held = await desk.tx.run(partial(_look, wish=wish))
    standing = _in_place_of(held, wish.offer)
    if standing is not None:
        await refuse_what_is_in_use(desk, held.account, standing.offer, expansion.limits)
    if request.validate_only:
        return await desk.tx.run(partial(_imagine, wish=wish))

    async def act(store: Store) -> Subscription:
        name = await store.once(scope, partial(_give, store, wish))
        return await _shown(store, name=name)

    return await desk.tx.run(act)


async def _expanded(desk: Desk, request: AssignRequest) -> tuple[Plan, Expansion]:
    plan = await desk.pricing.get_plan(request.plan)
    if plan.kind is None:
        # A newer pricing than this version: what it would provision is not known here.
        raise Unavailable(f"{request.plan} cannot be given by this version yet.")
    addons = request.addons
    return plan, await desk.pricing.expand_capacity(request.plan, addons, plan.catalog_version)


def _offer(request: AssignRequest, plan: Plan, expansion: Expansion) -> Offer:
    return Offer(
        plan=request.plan,
        catalog_version=plan.catalog_version,
        addons=tuple(sorted(request.addons, key=lambda addon: addon.addon)),
        capacity=expansion.capacity,
        on_unpaid=expansion.on_unpaid,
        on_end=expansion.on_end,
        retention=expansion.retention,
        free=True,
        terms=expansion.terms,
    )


async def _look(store: Store, *, wish: _Wish) -> Holdings:
    """Return what the account holds, without a lock; what is in the way is refused already."""
    holdings = await store.holdings(_fitting(wish, await store.account(wish.request.account)))
    _refuse_rivals(holdings, wish.offer)
    return holdings


def _fitting(wish: _Wish, account: Account | None) -> Account:
    if account is None:
        raise UnknownAccount(wish.request.account)
    whole = wish.offer.capacity.kind is CapacityKind.ORGANIZATION
    if whole and account.kind is not AccountKind.ORGANIZATION:
        raise PlanNotForAccount(wish.offer.plan)
    return account


async def _give(store: Store, wish: _Wish) -> str:
    account = _fitting(wish, await store.lock_account(wish.request.account))
    assignment = await _assignment(store, await store.holdings(account), wish)
    await store.save_assignment(assignment)
    await store.audit(_given(wish, assignment))
    await settle(store, account, wish.actor)
    return assignment.subscription


async def _imagine(store: Store, *, wish: _Wish) -> Subscription:
    """Return what would be held, and write nothing."""
    holdings = await _look(store, wish=wish)
    assignment = await _assignment(store, holdings, wish)
    others = [one for one in holdings.assignments if one.key != assignment.key]
    found = reckon(
        replace(holdings, assignments=[*others, assignment]),
        now=await store.now(),
        epoch=await store.epoch(),
    )
    after = {sub.name: sub for sub in (*holdings.subscriptions, *found.subscriptions)}
    made = after[assignment.subscription]
    return replace(made, name="") if made.name == wish.name else made


async def _assignment(store: Store, holdings: Holdings, wish: _Wish) -> Assignment:
    """Return what is written: something new, or what stands with other terms."""
    now = await store.now()
    request, actor = wish.request, wish.actor
    check_to_come(request.end_time, now)
    _refuse_rivals(holdings, wish.offer)
    standing = _in_place_of(holdings, wish.offer)
    before = standing.assignment if standing else None
    said = request.end_time is not None
    made = Assignment(
        subscription=before.subscription if before else wish.name,
        account=holdings.account.name,
        offer=wish.offer,
        actor=actor.name,
        reason=request.reason,
        begin_time=before.begin_time if before else now,
        end_time=request.end_time,
        end_actor=actor.name if said else "",
        end_reason=request.reason if said else "",
        end_ask_time=now if said else None,
    )
    grants = wish.offer.terms.credits > 0
    return replace(made, renew_time=month_of(made, now)[1] if grants else None)


def _refuse_rivals(holdings: Holdings, offer: Offer) -> None:
    """Raise RoomTaken for what is in force, leaves no room, and cannot become what is asked for."""
    for sub in _rivals(holdings.subscriptions, offer):
        if sub.assignment is None or sub.offer.catalog != offer.catalog:
            assigned = sub.assignment is not None
            raise RoomTaken(sub.name, sub.offer.plan, assigned=assigned)


def _in_place_of(holdings: Holdings, offer: Offer) -> Subscription | None:
    """Return the assignment that becomes what is asked for; None where it is something new."""
    given = (sub for sub in _rivals(holdings.subscriptions, offer) if sub.assignment is not None)
    return next((sub for sub in given if sub.offer.catalog == offer.catalog), None)


def _rivals(subscriptions: Sequence[Subscription], offer: Offer) -> Sequence[Subscription]:
    return [
        sub
        for sub in subscriptions
        if sub.begin_time is not None
        and phase_of(sub) is Phase.RUNNING
        and not (sub.assignment and sub.assignment.over)
        and rivals(sub.offer.capacity.kind, offer.capacity.kind)
    ]


def _given(wish: _Wish, assignment: Assignment) -> Change:
    offer, end = assignment.offer, assignment.end_time
    addons = ",".join(f"{one.addon}={one.quantity}" for one in offer.addons)
    details = (
        ("account", assignment.account),
        ("plan", offer.plan),
        ("addons", addons),
        ("end_time", end.isoformat() if end else ""),
    )
    return Change(
        wish.actor, "assignment.give", assignment.subscription, wish.request.reason, details
    )


async def end_assignment(
    desk: Desk, principal: Principal, request: EndRequest, trace_id: str = ""
) -> Subscription:
    """End what was given, for operators; see the contract for what is refused."""
    require_operator(principal)
    return await take_back(desk, Actor(principal.subject, trace_id), request)


async def take_back(desk: Desk, actor: Actor, request: EndRequest) -> Subscription:
    """End what was given in an operator's name, now or at a time, or let it go on after all."""
    request.check()
    found = await desk.tx.run(partial(_shown, name=request.name))
    scope = OnceScope(
        actor.name, "EndAssignment", request.request_id, request.request_hash, found.account
    )

    async def act(store: Store) -> Subscription:
        name = await store.once(scope, partial(_end, store, actor, found, request))
        return await _shown(store, name=name)

    return await desk.tx.run(act)


async def _shown(store: Store, *, name: str) -> Subscription:
    found = await store.subscription(name)
    if found is None:
        raise UnknownSubscription(name)
    return found


async def _end(store: Store, actor: Actor, found: Subscription, request: EndRequest) -> str:
    account = await store.lock_account(found.account)
    holdings = await store.holdings(account) if account else None
    given = holdings.assignments if holdings else ()
    assignment = next((one for one in given if one.subscription == found.name), None)
    if account is None or assignment is None:
        raise NotAssigned(found.name)
    if assignment.over:
        raise SubscriptionOver(found.name)
    now = await store.now()
    check_to_come(request.end_time, now)
    ended = replace(
        assignment,
        end_time=now if request.mode is EndingMode.NOW else request.end_time,
        end_actor=actor.name,
        end_reason=request.reason,
        end_ask_time=now,
    )
    if request.mode is EndingMode.RESUME:
        ended = replace(ended, end_actor="", end_reason="", end_ask_time=None)
    await store.save_assignment(ended)
    await store.audit(_ended(actor, ended, request))
    await settle(store, account, actor)
    return assignment.subscription


def _ended(actor: Actor, assignment: Assignment, request: EndRequest) -> Change:
    end = assignment.end_time
    details = (
        ("account", assignment.account),
        ("mode", request.mode.lower()),
        ("end_time", end.isoformat() if end else ""),
    )
    return Change(actor, "assignment.end", assignment.subscription, request.reason, details)
