"""Whether a smaller plan would hold what a tenant uses, and what it would save. Pure.

What is used is set against what is paid for, not against what is asked of the cluster: how far an
owner has to lower the requests of the own workloads first is the owner's to see.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from services.pricing.costs.domain import CostRecord
from services.pricing.costs.rating import Sizes, monthly_rate, sizes_of
from services.pricing.costs.use import UseSummary
from services.pricing.domain import Catalog, Interval, Plan, qualified, split_name
from services.pricing.quotes import PlanQuote
from services.pricing.rates import RateCard
from services.pricing.sizes import EXACT

_GIB = Decimal(1 << 30)
_MILLI = Decimal("0.001")
_CENTI = Decimal("0.01")
_PERCENT = 100
_MONTHS = {Interval.MONTH: 1, Interval.YEAR: 12}


class Outcome(StrEnum):
    """What is said of a tenant."""

    SMALLER_PLAN = "SMALLER_PLAN"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    WELL_USED = "WELL_USED"
    NO_CHEAPER_PLAN = "NO_CHEAPER_PLAN"


class Basis(StrEnum):
    """What was compared."""

    PLAN_PRICE = "PLAN_PRICE"
    RATE_CARD = "RATE_CARD"


class LeftOut(StrEnum):
    """What the account pays or would pay, and a saving does not count."""

    ADDONS = "ADDONS"
    TERMS = "TERMS"
    VOLUME_DISCOUNTS = "VOLUME_DISCOUNTS"


@dataclass(frozen=True, slots=True)
class Rules:
    """When something is said: ``days`` are looked at, ``least_hours`` of them have to be measured.

    Below ``under_percent`` of what is paid for use is far too small; a plan has to hold
    ``headroom_percent`` of it.
    """

    days: int = 7
    least_hours: int = 72
    under_percent: int = 40
    headroom_percent: int = 150


@dataclass(frozen=True, slots=True)
class Smaller:
    """The plan that would do; ``saving`` is for a month, exactly, in the major unit.

    It does not count what is ``left_out``.
    """

    plan: str
    sizes: Sizes
    basis: Basis
    saving: Fraction
    currency: str
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is said of the tenant of a record; ``used`` None without data."""

    record: CostRecord
    outcome: Outcome
    paid: Sizes
    hours: int
    used: Sizes | None = None
    smaller: Smaller | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """What could be had instead: catalogs in force by name, the rate card, the account's tier.

    ``sold`` is the quote by which the account bought the plan that it has, None if there is none.
    """

    catalogs: Mapping[str, Catalog]
    card: RateCard
    tier: str = ""
    sold: PlanQuote | None = None


@dataclass(frozen=True, slots=True)
class _Terms:
    """How an account pays: in which currency, how often, and, if that is known, how much a month.

    An empty currency: nobody knows.
    """

    currency: str = ""
    interval: Interval = Interval.MONTH
    pays: Fraction | None = None


def is_sized(sizes: Sizes) -> bool:
    """Tell whether somebody pays for anything that is measured."""
    return sizes.cpu > 0 or sizes.memory > 0


def recommend(record: CostRecord, use: UseSummary, market: Market, rules: Rules) -> Recommendation:
    """Say whether a smaller plan would do for what stands by a record."""
    paid = sizes_of(record.capacity)
    if use.hours < max(1, rules.least_hours):
        return Recommendation(record, Outcome.INSUFFICIENT_DATA, paid, use.hours)
    used = _used(use, paid)
    if not _far_under(used, paid, rules):
        return Recommendation(record, Outcome.WELL_USED, paid, use.hours, used)
    smaller = _cheapest(record, paid, needed(use, paid, rules), market)
    outcome = Outcome.NO_CHEAPER_PLAN if smaller is None else Outcome.SMALLER_PLAN
    return Recommendation(record, outcome, paid, use.hours, used, smaller)


def needed(use: UseSummary, paid: Sizes, rules: Rules) -> Sizes:
    """Return what a plan has to hold.

    Cores that are missing make a pod slow, memory that is missing ends it: so of memory the highest
    peak counts as well. Storage that nobody counts is needed as it is paid for.
    """
    used = _used(use, paid)
    headroom = EXACT.multiply(Decimal(rules.headroom_percent), _CENTI)
    counted = use.storage_bytes is not None
    return Sizes(
        cpu=EXACT.multiply(used.cpu, headroom),
        memory=max(EXACT.multiply(used.memory, headroom), _gigabytes(use.memory_peak)),
        storage=EXACT.multiply(used.storage, headroom) if counted else used.storage,
    )


def _used(use: UseSummary, paid: Sizes) -> Sizes:
    storage = paid.storage if use.storage_bytes is None else _gigabytes(use.storage_bytes)
    cpu = EXACT.multiply(Decimal(use.cpu_p95), _MILLI)
    return Sizes(cpu, _gigabytes(use.memory_p95), storage)


def _gigabytes(size: int) -> Decimal:
    return EXACT.divide(Decimal(size), _GIB)


def _far_under(used: Sizes, paid: Sizes, rules: Rules) -> bool:
    """Tell whether of everything that is paid for and measured little is used."""
    both = ((used.cpu, paid.cpu), (used.memory, paid.memory))
    return all(
        Fraction(part) * _PERCENT < Fraction(whole) * rules.under_percent
        for part, whole in both
        if whole > 0
    )


def _cheapest(record: CostRecord, paid: Sizes, need: Sizes, market: Market) -> Smaller | None:
    try:
        name, own = split_name(record.plan)
    except ValueError:
        return None
    catalog = market.catalogs.get(name)
    if catalog is None:
        return None
    current = catalog.plans.get(own)
    terms = _terms(current, market.sold)
    basis = Basis.PLAN_PRICE if terms.currency else Basis.RATE_CARD

    def price(plan: Plan | None, sizes: Sizes) -> Fraction | None:
        if basis is Basis.RATE_CARD:
            return _by_card(market, record.region, sizes)
        return None if plan is None else _price(catalog, plan, terms)

    pays = price(current, paid) if terms.pays is None else terms.pays
    if pays is None:
        return None
    offers = [
        (cost, sizes, plan.id)
        for plan, sizes in _holding(catalog, record, need)
        if (cost := price(plan, sizes)) is not None and cost < pays
    ]
    if not offers:
        return None
    cost, sizes, plan_id = min(offers, key=lambda one: (one[0], _order(one[1]), one[2]))
    return Smaller(
        qualified(name, plan_id),
        sizes,
        basis,
        pays - cost,
        terms.currency or market.card.currency,
        _left_out(basis, current, paid, market.card),
    )


def _left_out(
    basis: Basis, current: Plan | None, paid: Sizes, card: RateCard
) -> tuple[LeftOut, ...]:
    """Return what two prices do not tell of what an account pays.

    The rate card prices what stands, with whatever was added to it; a plan's price is that of the
    plan alone, as it is sold today.
    """
    if basis is Basis.RATE_CARD:
        return (LeftOut.VOLUME_DISCOUNTS,) if card.volume_discounts else ()
    own = None if current is None else sizes_of(current.provisions)
    added = own is not None and not holds(own, paid)
    return (LeftOut.ADDONS, LeftOut.TERMS) if added else (LeftOut.TERMS,)


def _holding(catalog: Catalog, record: CostRecord, need: Sizes) -> Iterable[tuple[Plan, Sizes]]:
    """Return the other plans of the same kind that anybody may take and that hold this much."""
    for plan in catalog.plans.values():
        if qualified(catalog.name, plan.id) == record.plan or not plan.self_service:
            continue
        if type(plan.provisions) is type(record.capacity):
            sizes = sizes_of(plan.provisions)
            if holds(sizes, need):
                yield plan, sizes


def holds(sizes: Sizes, need: Sizes) -> bool:
    """Tell whether these sizes hold what is needed."""
    return all(has >= wants for has, wants in zip(_order(sizes), _order(need), strict=True))


def _order(sizes: Sizes) -> tuple[Decimal, Decimal, Decimal]:
    return sizes.cpu, sizes.memory, sizes.storage


def _terms(current: Plan | None, sold: PlanQuote | None) -> _Terms:
    """Return how an account pays: as it bought, else as the plan's first price that comes again."""
    if sold is not None and sold.interval in _MONTHS:
        unit = sold.lines[0].unit
        pays = Fraction(unit.to_decimal()) / _MONTHS[sold.interval]
        return _Terms(unit.currency, sold.interval, pays)
    prices = () if current is None else current.prices
    coming = (one.amount.currency for one in prices if one.interval in _MONTHS)
    return _Terms(next(coming, ""))


def _price(catalog: Catalog, plan: Plan, terms: _Terms) -> Fraction | None:
    """Return what a plan costs a month, by the same interval if it is sold so; None if not sold."""
    if plan.id == catalog.free_plan and not plan.prices:
        return Fraction(0)
    sold = {
        one.interval: Fraction(one.amount.to_decimal()) / _MONTHS[one.interval]
        for one in plan.prices
        if one.amount.currency == terms.currency and one.interval in _MONTHS
    }
    return sold.get(terms.interval, sold.get(Interval.MONTH, sold.get(Interval.YEAR)))


def _by_card(market: Market, region: str, sizes: Sizes) -> Fraction:
    """Return what sizes cost a month by the card in force, with the account's tier."""
    card, tier = market.card, market.card.account_tiers.get(market.tier)
    if tier is None:
        return Fraction(monthly_rate(card, region, sizes))
    own = card if tier.rates is None else replace(card, rates=tier.rates)
    return Fraction(monthly_rate(own, region, sizes)) * (1 - Fraction(tier.off))
