"""Says of what stands whether a smaller plan would do, by what was used lately."""

from collections.abc import Sequence
from dataclasses import replace

from services.chassis.errors import Unavailable, Violations
from services.chassis.paging import Page, from_token, page_size, to_token
from services.pricing.costs.advising import Adviser
from services.pricing.costs.budgets import check_filter
from services.pricing.costs.domain import SECONDS_AN_HOUR, CostRecord, second_of
from services.pricing.costs.ports import CostTransactions, RecommendationQuery, Store
from services.pricing.costs.rating import sizes_of
from services.pricing.costs.recommending import (
    Market,
    Outcome,
    Recommendation,
    is_sized,
    recommend,
)
from services.pricing.costs.sight import Asker, narrowed
from services.pricing.costs.use import NO_USE

_HOURS_A_DAY = 24
_FORGOTTEN_AT_ONCE = 10_000


async def list_recommendations(
    tx: CostTransactions, adviser: Adviser, asker: Asker, asked: RecommendationQuery
) -> Page[Recommendation]:
    """Return what is said of a page of tenants, by tenant. InvalidArgument, NotYourCosts."""
    bad = Violations()
    check_filter(asked.filter, "filter", bad)
    bad.raise_if_any()
    size, key = page_size(asked.page_size), from_token(asked.page_token, str)
    filter_, after = narrowed(asker, asked.filter), str(key[0]) if key else ""
    catalogs = await adviser.offers.catalogs()

    async def read(store: Store) -> Page[Recommendation]:
        found = await store.standing_records(filter_, after, size + 1)
        page = found[:size]
        now, history = second_of(await store.now()), await store.card_history()
        if history is None:
            raise Unavailable("No rate card is in force yet.", reason="NO_RATE_CARD")
        said = await _said(store, adviser, Market(catalogs, history.at(now)), page, now)
        kept = [one for one in said if _is_asked_for(one, asked)]
        return Page(kept, to_token(page[-1].tenant) if len(found) > size else "")

    return await tx.run(read)


async def forget_use(tx: CostTransactions, adviser: Adviser) -> bool:
    """Forget hours that are not looked at any more; tell whether there may be more of them."""

    async def forget(store: Store) -> bool:
        before = _first_hour(second_of(await store.now()), adviser)
        return await store.forget_use(before, _FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE

    return await tx.run(forget)


async def _said(
    store: Store, adviser: Adviser, market: Market, records: Sequence[CostRecord], now: int
) -> list[Recommendation]:
    sized = [one for one in records if is_sized(sizes_of(one.capacity))]
    tenants = [one.tenant for one in sized]
    used = await store.use_of(tenants, _first_hour(now, adviser))
    tiers = await store.tiers_of(sorted({name for one in sized for name in _names(one)}))
    sold = await store.sold_to(sorted({one.account for one in sized if one.account}))
    found = []
    for one in sized:
        # Of a person who has a tier under both names the account's goes first.
        tier = next((tiers[name] for name in _names(one) if name in tiers), "")
        held = replace(market, tier=tier, sold=sold.get((one.account, one.plan)))
        found.append(recommend(one, used.get(one.tenant, NO_USE), held, adviser.rules))
    return found


def _names(record: CostRecord) -> list[str]:
    return [name for name in (record.account, record.user) if name]


def _first_hour(now: int, adviser: Adviser) -> int:
    return now // SECONDS_AN_HOUR - adviser.rules.days * _HOURS_A_DAY


def _is_asked_for(one: Recommendation, asked: RecommendationQuery) -> bool:
    return not asked.only_savings or one.outcome is Outcome.SMALLER_PLAN
