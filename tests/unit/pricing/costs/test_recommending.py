"""Which smaller plan is recommended: one that holds what is used, and that costs less."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.money import Money
from services.pricing import capacity as c
from services.pricing.catalog_file import parse_catalog
from services.pricing.costs.domain import CostRecord
from services.pricing.costs.rating import Sizes, monthly_rate, sizes_of
from services.pricing.costs.recommending import (
    Basis,
    LeftOut,
    Market,
    Outcome,
    Recommendation,
    Rules,
    holds,
    needed,
    recommend,
)
from services.pricing.costs.use import NO_USE, UseSummary
from services.pricing.domain import Interval, Price
from services.pricing.quotes import PlanQuote, QuoteLine
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import AccountTier, Band, Measure, VolumeDiscount

GIB = 1 << 30
RULES = Rules()
CARD = parse_rate_card(Path("deploy/rates/default.yaml").read_text(), "default.yaml")
POOLS = parse_catalog(Path("deploy/catalogs/kube-dc.yaml").read_text(), "kube-dc.yaml")
CATALOGS = {POOLS.name: POOLS}
MARKET = Market(CATALOGS, CARD)
PLANS = sorted(POOLS.plans)


def standing(plan: str, capacity: c.Capacity | None = None) -> CostRecord:
    """A record of what stands under a plan of the pools."""
    return CostRecord(
        name="cost_1",
        tenant="ten_1",
        revision=1,
        account="acc_1",
        user="",
        team="",
        organization="acme",
        plan=f"kube-dc/{plan}",
        region="us-east-1",
        namespace="acme",
        capacity=capacity or POOLS.plans[plan].provisions,
        begin=0,
        end=None,
        monthly_rate=Decimal(1),
        currency="usd",
        hours_per_month=730,
        rate_card_version="v1",
    )


def used(cpu: int, memory: int, storage: int | None = 0, hours: int = 168) -> UseSummary:
    """So many thousandths of a core, MiB of memory and GiB of storage."""
    of_memory = memory << 20
    stored = None if storage is None else storage * GIB
    return UseSummary(hours, cpu, of_memory, of_memory, stored)


def found(plan: str, use: UseSummary, market: Market = MARKET) -> Recommendation:
    return recommend(standing(plan), use, market, RULES)


def test_a_pool_that_is_hardly_used_is_told_the_cheapest_that_holds_its_use() -> None:
    said = found("scale-pool", used(1000, 2048, 30))
    assert said.outcome is Outcome.SMALLER_PLAN
    assert said.smaller is not None
    assert (said.smaller.plan, said.smaller.basis) == ("kube-dc/dev-pool", Basis.PLAN_PRICE)
    assert (said.smaller.saving, said.smaller.currency) == (Fraction(80), "eur")
    assert said.used == Sizes(Decimal(1), Decimal(2), Decimal(30))


def test_headroom_counts_so_what_just_fits_does_not() -> None:
    # Of dev-pool's 4 cores 2.667 may be used: half as much again is 4.0005.
    said = found("scale-pool", used(2667, 1024))
    assert said.smaller is not None
    assert said.smaller.plan == "kube-dc/pro-pool"
    assert found("scale-pool", used(2666, 1024)).smaller is not None


def test_storage_that_is_claimed_stays_and_storage_that_nobody_counts_is_all_needed() -> None:
    claimed = found("scale-pool", used(100, 100, 50)).smaller
    assert claimed is not None
    assert claimed.plan == "kube-dc/pro-pool"
    assert found("scale-pool", used(100, 100, None)).outcome is Outcome.NO_CHEAPER_PLAN


def test_the_highest_peak_of_memory_has_to_fit_though_it_was_rare() -> None:
    rare = UseSummary(168, 100, GIB, 9 * GIB, 0)
    said = found("scale-pool", rare)
    assert said.smaller is not None
    assert said.smaller.plan == "kube-dc/pro-pool"


@pytest.mark.parametrize(
    ("use", "outcome"),
    [
        (NO_USE, Outcome.INSUFFICIENT_DATA),
        (used(0, 0, 0, hours=71), Outcome.INSUFFICIENT_DATA),
        (used(6400, 100), Outcome.WELL_USED),
        (used(100, 23_000), Outcome.WELL_USED),
        (used(6399, 100), Outcome.NO_CHEAPER_PLAN),
    ],
    ids=["never-measured", "too-short", "cpu-at-forty", "memory-over", "nothing-holds-it"],
)
def test_nothing_is_recommended_where(use: UseSummary, outcome: Outcome) -> None:
    said = found("scale-pool", use)
    assert (said.outcome, said.smaller) == (outcome, None)
    assert (said.used is None) == (outcome is Outcome.INSUFFICIENT_DATA)


def test_the_smallest_plan_has_nothing_below_it() -> None:
    assert found("dev-pool", used(1, 1)).outcome is Outcome.NO_CHEAPER_PLAN


def test_a_plan_whose_catalog_or_name_is_gone_is_compared_by_the_card_or_not_at_all() -> None:
    gone = recommend(standing("dev-pool"), used(1, 1), Market({}, CARD), RULES)
    assert gone.outcome is Outcome.NO_CHEAPER_PLAN
    big = POOLS.plans["scale-pool"].provisions
    renamed = replace(standing("dev-pool", big), plan="kube-dc/once")
    unknown = recommend(renamed, used(1, 1), MARKET, RULES)
    assert unknown.smaller is not None
    assert unknown.smaller.basis is Basis.RATE_CARD


def test_without_prices_the_card_is_compared_with_the_accounts_tier() -> None:
    card = replace(CARD, account_tiers={"partner": AccountTier("Partner", Decimal("0.10"))})
    record = replace(standing("scale-pool"), plan="kube-dc/by-hand")
    plain = recommend(record, used(100, 100), Market(CATALOGS, card), RULES).smaller
    partner = recommend(record, used(100, 100), Market(CATALOGS, card, "partner"), RULES).smaller
    assert plain is not None
    assert partner is not None
    assert (plain.plan, plain.currency) == (partner.plan, card.currency)
    big, small = sizes_of(record.capacity), sizes_of(POOLS.plans["dev-pool"].provisions)
    saving = Fraction(monthly_rate(card, "us-east-1", big)) - Fraction(
        monthly_rate(card, "us-east-1", small)
    )
    assert plain.saving == saving
    assert partner.saving == saving * Fraction(9, 10)


def test_the_price_that_the_account_bought_at_is_compared_in_its_currency_and_interval() -> None:
    year = [Price(Money("usd", minor), Interval.YEAR, {}) for minor in (120_000, 240_000)]
    plans = {
        "dev-pool": replace(
            POOLS.plans["dev-pool"], prices=(*POOLS.plans["dev-pool"].prices, year[0])
        ),
        "scale-pool": replace(
            POOLS.plans["scale-pool"], prices=(*POOLS.plans["scale-pool"].prices, year[1])
        ),
    }
    sold = PlanQuote(
        "kube-dc/scale-pool",
        "an older version",
        (),
        Interval.YEAR,
        (QuoteLine("kube-dc/scale-pool", {}, 1, Money("usd", 180_000)),),
        0,
    )
    market = Market({"kube-dc": replace(POOLS, plans=plans)}, CARD, sold=sold)
    said = found("scale-pool", used(100, 100), market).smaller
    assert said is not None
    assert (said.plan, said.currency, said.saving) == ("kube-dc/dev-pool", "usd", Fraction(50))
    # What costs less today than at the time is no reason to call a dearer plan cheaper.
    dear = replace(sold, lines=(QuoteLine("kube-dc/scale-pool", {}, 1, Money("usd", 100_000)),))
    none = found("scale-pool", used(100, 100), replace(market, sold=dear))
    assert none.outcome is Outcome.NO_CHEAPER_PLAN
    # Nothing is known of how often somebody pays who paid once.
    once = replace(market, sold=replace(sold, interval=Interval.ONCE))
    other = found("scale-pool", used(100, 100), once).smaller
    assert other is not None
    assert other.currency == "eur"


def test_what_a_saving_does_not_count_is_said() -> None:
    plain = found("scale-pool", used(100, 100)).smaller
    assert plain is not None
    assert plain.left_out == (LeftOut.TERMS,)
    pool = POOLS.plans["scale-pool"].provisions
    assert isinstance(pool, c.Organization)
    more = standing("scale-pool", replace(pool, quota={**pool.quota, "cpu": "100"}))
    added = recommend(more, used(100, 100), MARKET, RULES).smaller
    assert added is not None
    assert added.left_out == (LeftOut.ADDONS, LeftOut.TERMS)
    by_hand = replace(standing("scale-pool"), plan="kube-dc/by-hand")
    band = Band(Decimal(1), Decimal("0.1"))
    card = replace(
        CARD, volume_discounts=(VolumeDiscount("much", Measure.CPU, graduated=True, bands=(band,)),)
    )
    for market, left_out in (
        (Market(CATALOGS, replace(CARD, volume_discounts=())), ()),
        (Market(CATALOGS, card), (LeftOut.VOLUME_DISCOUNTS,)),
    ):
        by_card = recommend(by_hand, used(100, 100), market, RULES).smaller
        assert by_card is not None
        assert by_card.left_out == left_out


_cores = st.integers(0, 20_000)
_memory = st.integers(0, 60_000)
_stored = st.none() | st.integers(0, 400)
_hours = st.integers(0, 168)
_plans = st.sampled_from(PLANS)


@given(_plans, _cores, _memory, _stored, _hours)
def test_a_recommended_plan_holds_the_use_and_costs_less(
    plan: str, cpu: int, memory: int, storage: int | None, hours: int
) -> None:
    use = used(cpu, memory, storage, hours)
    said = found(plan, use)
    if said.smaller is None:
        assert said.outcome is not Outcome.SMALLER_PLAN
        return
    assert hours >= RULES.least_hours
    sizes = sizes_of(POOLS.plans[said.smaller.plan.removeprefix("kube-dc/")].provisions)
    assert said.smaller.sizes == sizes
    assert holds(sizes, needed(use, said.paid, RULES))
    assert Fraction(sizes.cpu) * 1000 >= cpu
    assert Fraction(sizes.memory) * GIB >= use.memory_peak
    own = POOLS.plans[plan].prices[0].amount.to_decimal()
    other = POOLS.plans[said.smaller.plan.removeprefix("kube-dc/")].prices[0].amount.to_decimal()
    assert said.smaller.saving == Fraction(own) - Fraction(other) > 0


@given(_plans, _cores, _memory, _stored, st.integers(0, 5000), st.integers(0, 5000))
def test_who_uses_more_is_never_told_to_save_more(
    plan: str, cpu: int, memory: int, storage: int | None, more_cpu: int, more_memory: int
) -> None:
    less = found(plan, used(cpu, memory, storage)).smaller
    more = found(plan, used(cpu + more_cpu, memory + more_memory, storage)).smaller
    if more is not None:
        assert less is not None
        assert less.saving >= more.saving
