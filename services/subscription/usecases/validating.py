"""Says whether somebody holds a tier and features, and what would give them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from services.chassis.errors import InvalidArgument, NotFound, Violations
from services.chassis.identity import Principal
from services.subscription.domain import Account, AccountKind, Subscription
from services.subscription.entitlement import (
    Entitlement,
    Grant,
    Lack,
    Requirement,
    ValidateRequest,
    Validation,
    entitled,
    lack_of,
    missing_of,
    rank,
    say,
    upgrade_for,
)
from services.subscription.errors import SomebodyElses, UnknownAccount
from services.subscription.lifecycle import RUNNING
from services.subscription.offers import EndPolicy, Offer, Terms
from services.subscription.ports import Pricing, Store
from services.subscription.usecases.credits import credits_left
from services.subscription.usecases.desk import Desk
from services.subscription.usecases.sight import is_member, outside_name, sight_of


@dataclass(frozen=True, slots=True)
class _Holder:
    """Somebody who may hold something; no account is nobody yet."""

    account: Account | None
    subscriptions: Sequence[Subscription] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one holder has, and what it lacks."""

    entitlement: Entitlement
    grants: Sequence[Grant]
    lack: Lack | None

    @property
    def worth(self) -> tuple[bool, int, int]:
        """How much is held: enough, then the higher tier, then more features."""
        held = self.entitlement
        return self.lack is None, rank(held.tier), len(held.features)


async def validate_subscription(
    desk: Desk, principal: Principal, request: ValidateRequest
) -> Validation:
    """Say whether a requirement is met over all subscriptions in force and the free plan.

    Without an account it is the person's own: the USER account by the configured claim, or the
    organization's, which every member enjoys; of the two the one that satisfies more. Who has
    neither holds the free plan only. UnknownAccount; SomebodyElses for another's account.
    """
    request.check()
    requirement = Requirement(request.tier, frozenset(request.features))
    holders = await desk.tx.run(partial(_holders, desk=desk, principal=principal, request=request))
    free_plans = await _free_plans(desk.pricing, request.catalog)
    judged = [
        await _judge(desk.pricing, holder, free_plans, request.catalog, requirement)
        for holder in holders
    ]
    best = max(judged, key=lambda one: one.worth)
    entitlement = await _with_credits(desk, best.entitlement)
    if best.lack is None:
        return Validation(entitlement)
    return Validation(
        entitlement,
        best.lack,
        say(best.lack, requirement, entitlement),
        missing_of(requirement, entitlement),
        upgrade_for(requirement, await desk.pricing.list_plans(request.catalog))
        if request.catalog
        else None,
    )


async def _holders(
    store: Store, *, desk: Desk, principal: Principal, request: ValidateRequest
) -> Sequence[_Holder]:
    if request.account:
        account = await store.account(request.account)
        if account is None:
            raise UnknownAccount(request.account)
        if not sight_of(principal, desk.claim).includes(account) and not is_member(
            principal, account
        ):
            raise SomebodyElses
        return [await _holder(store, account)]
    own = [account for account in await _own(store, principal, desk.claim) if account is not None]
    return [await _holder(store, account) for account in own] or [_Holder(None)]


async def _own(store: Store, principal: Principal, claim: str) -> Sequence[Account | None]:
    if principal.kind != "user":
        return ()
    name = outside_name(principal, claim)
    user = await store.account_named(AccountKind.USER, name) if name else None
    organization = await store.account_named(AccountKind.ORGANIZATION, principal.organization)
    member = organization is not None and is_member(principal, organization)
    return user, organization if member else None


async def _holder(store: Store, account: Account) -> _Holder:
    return _Holder(account, (await store.holdings(account)).subscriptions)


async def _free_plans(pricing: Pricing, asked: str) -> dict[str, str]:
    """Return the free plan of each catalog that has one; the asked catalog has to be in force."""
    catalogs = await pricing.list_catalogs()
    if asked and asked not in {catalog.name for catalog in catalogs}:
        bad = Violations()
        bad.add("catalog", "expected the name of a catalog")
        bad.raise_if_any()
    return {catalog.name: catalog.free_plan for catalog in catalogs if catalog.free_plan}


async def _judge(
    pricing: Pricing,
    holder: _Holder,
    free_plans: dict[str, str],
    asked: str,
    requirement: Requirement,
) -> _Judged:
    begun = [sub for sub in holder.subscriptions if sub.begin_time is not None]
    fallen = [sub.offer.catalog for sub in begun if _falls_back(sub)]
    grants = [Grant(sub.offer.plan, await _terms(pricing, sub.offer), sub) for sub in begun]
    for catalog in sorted({asked, *fallen}):
        plan = free_plans.get(catalog)
        if plan:
            grants.append(Grant(plan, (await pricing.get_plan(plan)).terms))
    entitlement = entitled(holder.account, grants)
    return _Judged(entitlement, grants, lack_of(requirement, entitlement, grants))


def _falls_back(sub: Subscription) -> bool:
    """Tell whether a subscription that is not in force leaves its catalog's free plan."""
    policies = (sub.offer.on_unpaid, sub.offer.on_end)
    return sub.state not in RUNNING and EndPolicy.FREE in policies


async def _terms(pricing: Pricing, offer: Offer) -> Terms:
    """Return the plan's newest terms, or those it was sold by where it says ``pin``."""
    try:
        expansion = await pricing.expand_capacity(offer.plan, offer.addons, offer.catalog_version)
    except (NotFound, InvalidArgument):
        # Gone from the catalog, or an add-on is: what was sold goes on.
        return offer.terms
    return expansion.terms


async def _with_credits(desk: Desk, held: Entitlement) -> Entitlement:
    account = held.account
    if account is None or not held.pool:
        return held
    left = await desk.tx.run(lambda store: credits_left(store, account.name, held.pool))
    return replace(held, remaining_credits=left)
