"""Says whether somebody holds a tier and features, and what would give them.

This is asked before everything else, so what may change is read for all who ask together: the
holders by one statement, the catalogs in force by one question. What cannot change is remembered,
see ``terms``; where that is enough, all who asked together are judged in one go.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.chassis.errors import Violations
from services.chassis.identity import Principal
from services.chassis.sharing import GatheredRead
from services.subscription.domain import Account, AccountKind
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
from services.subscription.holder import AccountRef, Held, Holder
from services.subscription.lifecycle import RUNNING
from services.subscription.offers import EndPolicy, catalog_of
from services.subscription.ports import CatalogInfo
from services.subscription.usecases.desk import Desk
from services.subscription.usecases.sight import is_member, outside_name, sight_of
from services.subscription.usecases.terms import TermsInForce

_PAUSE = 0.02
"""Seconds for which a read waits for more callers, while many ask."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What one read found: holders by what they were asked for, and the catalogs in force."""

    holders: Mapping[AccountRef, Holder]
    catalogs: Mapping[str, CatalogInfo]


class _Asked(NamedTuple):
    """Who is judged, and by which catalogs."""

    catalogs: Mapping[str, CatalogInfo]
    holders: Sequence[Holder | None]


class _Judged(NamedTuple):
    """What one holder has, and what it lacks."""

    entitlement: Entitlement
    lack: Lack | None


class Entitlements:
    """Says what people may do. One for a process: those who ask together are answered together."""

    def __init__(self, desk: Desk) -> None:
        self._claim = desk.claim
        self._terms = TermsInForce(desk.pricing)
        self._pricing = desk.pricing
        self._tx = desk.tx
        self._known = GatheredRead(self._read, pause=_PAUSE)

    async def validate(self, principal: Principal, request: ValidateRequest) -> Validation:
        """Say whether a requirement is met over all subscriptions in force and the free plan.

        Without an account it is the person's own: the USER account by the configured claim, or the
        organization's, which every member enjoys; of the two the one that satisfies more. Who has
        neither holds the free plan only. UnknownAccount; SomebodyElses for another's account.
        """
        request.check()
        requirement = Requirement(request.tier, frozenset(request.features))
        asked = (request.account,) if request.account else _own(principal, self._claim)

        def at_once(known: _Known) -> Validation | _Asked:
            found = [known.holders[ref] for ref in asked if ref in known.holders]
            holders = self._allowed(principal, request.account, found)
            _require_in_force(request.catalog, known.catalogs)
            whose = _Asked(known.catalogs, holders or (None,))
            return self._judged_at_once(whose, request.catalog, requirement) or whose

        found = await self._known.each(asked, at_once)
        if isinstance(found, Validation):
            return found
        return await self._judged(found, request, requirement)

    def _judged_at_once(
        self, whose: _Asked, catalog: str, requirement: Requirement
    ) -> Validation | None:
        """Return what is found if nothing has to be asked for it, which is nearly always so."""
        judged: list[_Judged] = []
        for holder in whose.holders:
            grants = self._known_grants(holder, whose.catalogs, catalog)
            if grants is None:
                return None
            judged.append(_judge(holder, grants, requirement))
        best = judged[0] if len(judged) == 1 else max(judged, key=_worth)
        return Validation(best.entitlement) if best.lack is None else None

    async def _judged(
        self, whose: _Asked, request: ValidateRequest, requirement: Requirement
    ) -> Validation:
        catalogs = whose.catalogs
        judged = [
            _judge(holder, await self._grants(holder, catalogs, request.catalog), requirement)
            for holder in whose.holders
        ]
        best = max(judged, key=_worth)
        if best.lack is None:
            return Validation(best.entitlement)
        entitlement = best.entitlement
        plans = (
            await self._terms.offered(request.catalog, catalogs[request.catalog].version)
            if request.catalog
            else ()
        )
        return Validation(
            entitlement,
            best.lack,
            say(best.lack, requirement, entitlement),
            missing_of(requirement, entitlement),
            upgrade_for(requirement, plans),
        )

    async def _read(self, asked: Collection[AccountRef]) -> _Known:
        holders = await self._tx.single(lambda store: store.holders(asked)) if asked else {}
        catalogs = await self._pricing.list_catalogs()
        return _Known(holders, {catalog.name: catalog for catalog in catalogs})

    def _allowed(
        self, principal: Principal, name: str, found: Sequence[Holder]
    ) -> Sequence[Holder]:
        if not name:
            return [holder for holder in found if _enjoys(principal, holder.account)]
        if not found:
            raise UnknownAccount(name)
        [account] = [holder.account for holder in found]
        if not sight_of(principal, self._claim).includes(account) and not is_member(
            principal, account
        ):
            raise SomebodyElses
        return found

    def _known_grants(
        self, holder: Holder | None, catalogs: Mapping[str, CatalogInfo], asked: str
    ) -> list[Grant] | None:
        """Return what ``_grants`` does, or None if something has to be asked for it."""
        held = holder.held if holder else ()
        grants: list[Grant] = []
        for one in held:
            terms = self._terms.known_of_offer(one.offer, _version(one, catalogs))
            if terms is None:
                return None
            grants.append(Grant(one.offer.plan, terms, one))
        for free in _free_of(held, catalogs, asked):
            terms = self._terms.known_of_plan(free.free_plan, free.version)
            if terms is None:
                return None
            grants.append(Grant(free.free_plan, terms))
        return grants

    async def _grants(
        self, holder: Holder | None, catalogs: Mapping[str, CatalogInfo], asked: str
    ) -> list[Grant]:
        held = holder.held if holder else ()
        grants = [
            Grant(
                one.offer.plan, await self._terms.of_offer(one.offer, _version(one, catalogs)), one
            )
            for one in held
        ]
        for free in _free_of(held, catalogs, asked):
            terms = await self._terms.of_plan(free.free_plan, free.version)
            grants.append(Grant(free.free_plan, terms))
        return grants


def _judge(holder: Holder | None, grants: Sequence[Grant], requirement: Requirement) -> _Judged:
    entitlement = entitled(holder.account if holder else None, grants)
    lack = lack_of(requirement, entitlement, grants)
    left = holder.credits.get(entitlement.pool, 0) if holder else 0
    return _Judged(replace(entitlement, remaining_credits=left) if left else entitlement, lack)


def _worth(judged: _Judged) -> tuple[bool, int, int]:
    """Return how much is held: enough, then the higher tier, then more features."""
    held = judged.entitlement
    return judged.lack is None, rank(held.tier), len(held.features)


def _version(held: Held, catalogs: Mapping[str, CatalogInfo]) -> str:
    """Return the version in force of the catalog that something is of; empty for none."""
    known = catalogs.get(catalog_of(held.offer.plan))
    return known.version if known else ""


def _free_of(
    held: Sequence[Held], catalogs: Mapping[str, CatalogInfo], asked: str
) -> list[CatalogInfo]:
    """Return the catalogs whose free plan counts: the one asked for, and those fallen back on."""
    names = {asked, *(one.offer.catalog for one in held if _falls_back(one))}
    found = [catalogs.get(name) for name in sorted(names)]
    return [catalog for catalog in found if catalog is not None and catalog.free_plan]


def _own(principal: Principal, claim: str) -> Sequence[AccountRef]:
    """Return what a person's own accounts would be called, that of the person first."""
    if principal.kind != "user":
        return ()
    names = (
        (AccountKind.USER, outside_name(principal, claim)),
        (AccountKind.ORGANIZATION, principal.organization),
    )
    return [(kind, name) for kind, name in names if name]


def _enjoys(principal: Principal, account: Account) -> bool:
    return account.kind is not AccountKind.ORGANIZATION or is_member(principal, account)


def _require_in_force(asked: str, catalogs: Mapping[str, CatalogInfo]) -> None:
    if asked and asked not in catalogs:
        bad = Violations()
        bad.add("catalog", "expected the name of a catalog")
        bad.raise_if_any()


def _falls_back(held: Held) -> bool:
    """Tell whether a subscription that is not in force leaves its catalog's free plan."""
    policies = (held.offer.on_unpaid, held.offer.on_end)
    return held.state not in RUNNING and EndPolicy.FREE in policies
