"""Dry runs: what a new version of a catalog or of the rate card would touch. Nothing is changed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import PurePath

from services.chassis.errors import FieldViolation, InvalidArgument, Refusal
from services.chassis.money import Money, rounded
from services.pricing.costs.budgets import Budget
from services.pricing.costs.domain import CostFilter, CostRecord
from services.pricing.costs.ports import CostTransactions, RecordQuery
from services.pricing.costs.ports import Store as CostStore
from services.pricing.costs.rating import monthly_rate, sizes_of
from services.pricing.costs.sight import Asker as CostAsker
from services.pricing.domain import Catalog, Interval, split_name
from services.pricing.errors import CatalogRejected
from services.pricing.ports import Holdings, PricingTransactions, Store
from services.pricing.quotes import Quote
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import RateCard
from services.pricing.sizes import EXACT
from services.pricing.sources import ImportOptions, ImportSettings, opened
from services.pricing.versions import (
    CatalogChange,
    Effect,
    Outcome,
    Subject,
    ordered,
    quote_by_card,
    totals,
)

MOST_HOLDINGS = 20_000
MOST_QUOTES = 10_000
MOST_RECORDS = 20_000
_PAGE = 1000
_TURN = 50
_EVERYTHING = CostAsker("dry-run", everything=True)


@dataclass(frozen=True, slots=True)
class VersionDesk:
    """Where dry runs look. Without ``holdings`` or ``costs`` what is there is told as unknown."""

    tx: PricingTransactions
    holdings: Holdings | None = None
    costs: CostTransactions | None = None
    imports: ImportSettings = field(default_factory=lambda: ImportSettings({}, ImportOptions()))


async def dry_run_catalog(desk: VersionDesk, text: str, file_name: str) -> Outcome:
    """Return what a new version of a catalog would touch.

    InvalidArgument with the file's problems if nothing of it could come into force.
    """
    source = file_name or "catalog"
    options = desk.imports.options(PurePath(source).name)
    reading = await asyncio.to_thread(opened, text, source, options)
    new = reading.catalog
    if new is None:
        raise _bad_content([str(problem) for problem in reading.problems])

    async def look(store: Store) -> tuple[Catalog | None, list[Quote], list[tuple[str, str]]]:
        quotes = await store.open_quotes("plan", MOST_QUOTES + 1)
        return await store.active_catalog(new.name), quotes, await store.sold_elsewhere(new)

    active, quotes, elsewhere = await desk.tx.run(look)
    unknown = _bounded(quotes, MOST_QUOTES, "quotes")
    change = CatalogChange(active, new)
    effects = await _held(desk, change, new, unknown)
    mine = [quote for quote in quotes[:MOST_QUOTES] if _is_of(quote, new.name)]
    effects += [effect for quote in mine if (effect := change.of_quote(quote))]
    findings = [str(one) for one in (*reading.problems, *reading.notes)]
    findings += [f"{price} is sold by catalog {other} already" for price, other in elsewhere]
    if any("quota" in text for effect in effects for text in effect.changes):
        unknown.append("budgets: what other sizes of a plan cost in a month is not reckoned")
    if active is not None and active.kinds != new.kinds:
        unknown.append("quotes of custom resources: their specs are not kept to be derived again")
    return _outcome(
        new.name, new.version, active.version if active else "", effects, unknown, findings
    )


async def dry_run_rate_card(desk: VersionDesk, text: str, file_name: str) -> Outcome:
    """Return what a new rate card would touch; InvalidArgument with the file's problems."""
    try:
        card = await asyncio.to_thread(parse_rate_card, text, file_name or "rate card")
    except CatalogRejected as rejected:
        raise _bad_content(rejected.problems) from None

    async def look(store: Store) -> tuple[RateCard | None, list[Quote], list[Effect]]:
        quotes = await store.open_quotes("deployment", MOST_QUOTES + 1)
        effects: list[Effect] = []
        for place, quote in enumerate(quotes[:MOST_QUOTES]):
            effect = quote_by_card(card, quote, await store.standing(quote.owner))
            effects += [effect] if effect else []
            if place % _TURN == 0:
                # Others get their turn: there may be many quotes.
                await asyncio.sleep(0)
        return await store.rate_card(), quotes, effects

    active, quotes, effects = await desk.tx.run(look, timeout=30)
    unknown = _bounded(quotes, MOST_QUOTES, "quotes")
    effects += await _budgeted(desk, card, unknown)
    return _outcome("", card.version, active.version if active else "", effects, unknown, [])


async def _held(
    desk: VersionDesk, change: CatalogChange, new: Catalog, unknown: list[str]
) -> list[Effect]:
    if desk.holdings is None:
        unknown.append("subscriptions: no subscription service is configured")
        return []
    try:
        held = await desk.holdings.held(MOST_HOLDINGS + 1)
    except Refusal as away:
        unknown.append(f"subscriptions: {away.message}")
        return []
    unknown += _bounded(held, MOST_HOLDINGS, "subscriptions")
    mine = [one for one in held[:MOST_HOLDINGS] if split_name(one.plan)[0] == new.name]
    versions = sorted({one.catalog_version for one in mine})

    async def read(store: Store) -> dict[str, Catalog | None]:
        return {version: await store.version(new.name, version) for version in versions}

    sold = await desk.tx.run(read)
    found = (change.of_holding(one, sold[one.catalog_version]) for one in mine)
    return [effect for effect in found if effect]


async def _budgeted(desk: VersionDesk, card: RateCard, unknown: list[str]) -> list[Effect]:
    """Return what stands under each budget, at its rates and at the new ones, for a month."""
    if desk.costs is None:
        unknown.append("budgets: costs are not kept here")
        return []
    budgets, records = await desk.costs.run(_standing)
    unknown += _bounded(records, MOST_RECORDS, "what stands")
    found: list[Effect] = []
    for budget in budgets:
        effect = _of_budget(budget, records[:MOST_RECORDS], card)
        found += [effect] if effect else []
        await asyncio.sleep(0)
    return found


async def _standing(store: CostStore) -> tuple[list[Budget], list[CostRecord]]:
    budgets: list[Budget] = []
    while True:
        page = await store.budgets(_EVERYTHING, budgets[-1].name if budgets else "", _PAGE)
        budgets += page
        if len(page) < _PAGE:
            break
    now = int((await store.now()).timestamp())
    records: list[CostRecord] = []
    while len(records) <= MOST_RECORDS and budgets:
        after = (records[-1].begin, records[-1].name) if records else None
        page_of_records = await store.records(RecordQuery(CostFilter(), now, None, after, _PAGE))
        records += page_of_records
        if len(page_of_records) < _PAGE:
            break
    return budgets, [record for record in records if record.end is None]


def _of_budget(budget: Budget, records: Sequence[CostRecord], card: RateCard) -> Effect | None:
    mine = [record for record in records if budget.filter.takes(record)]
    same = [record for record in mine if record.currency == budget.amount.currency]
    owner = budget.filter.account or budget.filter.organization or budget.filter.user
    effect = Effect(Subject.BUDGET, budget.name, owner)
    if not same:
        return None
    if card.currency != budget.amount.currency:
        return replace(effect, unknown=f"the rate card is in {card.currency}")
    before = after = Decimal(0)
    for record in same:
        before = EXACT.add(before, record.monthly_rate)
        after = EXACT.add(after, monthly_rate(card, record.region, sizes_of(record.capacity)))
    told = _rounded(before, card.currency), _rounded(after, card.currency)
    if told[0] == told[1]:
        return None
    return replace(effect, before=told[0], after=told[1], interval=Interval.MONTH)


def _rounded(amount: Decimal, currency: str) -> Money:
    return rounded(amount.quantize(Decimal("0.000000000001"), context=EXACT), currency)


def _bounded(found: Sequence[object], most: int, what: str) -> list[str]:
    if len(found) <= most:
        return []
    return [f"{what}: only the first {most} were looked at"]


def _is_of(quote: Quote, catalog: str) -> bool:
    plan = getattr(quote.subject, "plan", "")
    return bool(plan) and split_name(plan)[0] == catalog


def _outcome(
    catalog: str,
    version: str,
    active: str,
    effects: list[Effect],
    unknown: list[str],
    findings: list[str],
) -> Outcome:
    return Outcome(catalog, version, active, ordered(effects), unknown, findings, totals(effects))


def _bad_content(problems: Sequence[str]) -> InvalidArgument:
    found = problems or ["nothing of it can come into force"]
    fields = [FieldViolation("content", problem) for problem in found]
    return InvalidArgument("\n".join(found), fields=fields, reason="INVALID_FIELDS")
