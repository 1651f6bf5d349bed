"""Dry runs: what a new version would touch and by how much, and what nobody can say."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from services.chassis.errors import InvalidArgument, Unavailable
from services.chassis.ids import RandomIds
from services.chassis.money import Money
from services.pricing import usecases
from services.pricing.capacity import ContainerLimits, Organization
from services.pricing.catalog_file import parse_catalog
from services.pricing.costing import DeploymentRequest, ResourceRequest
from services.pricing.costs.budgets import Budget
from services.pricing.costs.domain import CostFilter, Observation
from services.pricing.costs.usecases import take_observation
from services.pricing.domain import Interval
from services.pricing.quotes import PlanSelection, QuoteRequest
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.usecases import Asker, VersionDesk, dry_run_catalog, dry_run_rate_card
from services.pricing.versions import Effect, Holding, Outcome, Subject
from tests.fakes.pricing import MemoryPricingTransactions
from tests.fakes.pricing_costs import MemoryCostStore, MemoryCostTransactions

TEXT = Path("deploy/catalogs/kube-dc.yaml").read_text()
SESSIONS = Path("deploy/catalogs/sessions.yaml").read_text()
RATES = Path("deploy/rates/default.yaml").read_text()
CARD = parse_rate_card(RATES, "rates.yaml")
CATALOG = parse_catalog(TEXT, "kube-dc.yaml")
DEARER = TEXT.replace('amount: "49.00"', 'amount: "59.00"')
LARGER = TEXT.replace(
    "{cpu: 8, memory: 24Gi, storage: 160Gi", "{cpu: 10, memory: 24Gi, storage: 160Gi"
)
ALICE = Asker("alice", trusted=False)
TURBO = (("kube-dc/turbo-x1", 2),)
IDS = RandomIds()
NOW = datetime(2026, 3, 10, tzinfo=UTC)


@dataclass
class Sold:
    """What subscription would tell."""

    subscriptions: list[Holding] = field(default_factory=list)
    away: bool = False

    async def held(self, most: int) -> Sequence[Holding]:
        if self.away:
            raise Unavailable("Subscription is away.")
        return self.subscriptions[:most]


def held(number: int, plan: str = "kube-dc/pro-pool", version: str = CATALOG.version) -> Holding:
    return Holding(f"tsub_{number}", f"acc_{number}", plan, version)


def eur(text: str) -> Money:
    return Money("eur", round(int(text.replace(".", ""))))


async def desk(*subscriptions: Holding, costs: MemoryCostTransactions | None = None) -> VersionDesk:
    tx = MemoryPricingTransactions()
    await usecases.activate_rate_card(tx, CARD, edited=False)
    for text in (TEXT, SESSIONS):
        await usecases.activate(tx, parse_catalog(text, "c.yaml"), edited=False)
    return VersionDesk(tx, Sold(list(subscriptions)), costs or MemoryCostTransactions())


async def quote(at: VersionDesk, subject: DeploymentRequest | PlanSelection) -> str:
    asked = QuoteRequest("", subject)
    return (await usecases.create_quote(at.tx, IDS, ALICE, asked)).stored.quote.name


def of(outcome: Outcome, name: str) -> Effect:
    return next(one for one in outcome.effects if one.name == name)


async def test_a_dearer_plan_touches_who_holds_it_and_the_difference_is_told() -> None:
    with_addons = Holding("tsub_2", "acc_2", "kube-dc/pro-pool", CATALOG.version, TURBO)
    at = await desk(held(1), with_addons, held(3, "kube-dc/dev-pool"))
    found = await dry_run_catalog(at, DEARER, "kube-dc.yaml")
    assert [one.name for one in found.effects] == ["tsub_1", "tsub_2"]
    assert of(found, "tsub_1").before == eur("49.00")
    assert of(found, "tsub_1").after == eur("59.00")
    assert of(found, "tsub_2").before == eur("67.00")
    assert of(found, "tsub_2").after == eur("77.00")
    (total,) = found.totals
    assert (total.subject, total.interval, total.count) == (
        Subject.SUBSCRIPTION,
        Interval.MONTH,
        2,
    )
    assert (total.before, total.after) == (eur("116.00"), eur("136.00"))
    assert (found.active_version, found.unknown) == (CATALOG.version, [])


async def test_nothing_is_changed_by_a_dry_run() -> None:
    at = await desk(held(1))
    await quote(at, PlanSelection("kube-dc/pro-pool"))
    tx = at.tx
    assert isinstance(tx, MemoryPricingTransactions)
    before = len(tx.changes)
    found = await dry_run_catalog(at, DEARER, "kube-dc.yaml")
    assert found.version != CATALOG.version
    active = await tx.run(lambda store: store.active_catalog("kube-dc"))
    assert active is not None
    assert active.version == CATALOG.version
    assert await tx.run(lambda store: store.version("kube-dc", found.version)) is None
    assert len(tx.changes) == before


async def test_other_sizes_count_at_once_unless_the_plan_is_pinned() -> None:
    pinned_text = TEXT.replace("    tier: premium", "    tier: premium\n    pin: true", 1)
    pinned = parse_catalog(pinned_text, "pinned.yaml")
    at = await desk(held(1), held(2, version=pinned.version))
    await at.tx.run(lambda store: store.add_version(pinned))
    found = await dry_run_catalog(at, LARGER, "kube-dc.yaml")
    one, two = of(found, "tsub_1"), of(found, "tsub_2")
    assert one.changes == ("the plan: provisions.quota.cpu: 8 -> 10",)
    assert (one.immediate, two.immediate) == (True, False)
    assert one.before is None
    assert any("budgets" in text for text in found.unknown)


async def test_the_same_content_touches_nothing() -> None:
    found = await dry_run_catalog(await desk(held(1)), TEXT, "kube-dc.yaml")
    assert found.version == found.active_version
    assert list(found.effects) == []


async def test_a_plan_that_is_gone_is_told_and_costs_nothing_else() -> None:
    text = TEXT.replace("  scale-pool:", "  huge-pool:").replace("scale_pool", "huge_pool")
    found = await dry_run_catalog(await desk(held(1, "kube-dc/scale-pool")), text, "kube-dc.yaml")
    (effect,) = found.effects
    assert effect.changes == ("the plan is not sold any more, and stays as it was sold",)


async def test_a_price_that_nobody_can_tell_is_unknown_and_not_guessed() -> None:
    catalog = parse_catalog(SESSIONS, "s.yaml")
    at = await desk(
        held(1, "sessions/professional", catalog.version), held(2, "sessions/professional", "gone")
    )
    text = SESSIONS.replace('amount: "490.00"', 'amount: "500.00"')
    found = await dry_run_catalog(at, text, "sessions.yaml")
    assert of(found, "tsub_1").unknown == (
        "is billed by one of: 49.00 USD for each month, and would be 49.00 USD;"
        " 490.00 USD for each year, and would be 500.00 USD"
    )
    assert of(found, "tsub_2").unknown == "version gone does not have the plan"
    assert of(found, "tsub_1").changes == ("the plan: prices.year.usd: 490.00 USD -> 500.00 USD",)
    assert list(found.totals) == []


async def test_a_period_tells_which_of_several_prices_bills_a_subscription() -> None:
    version = parse_catalog(SESSIONS, "s.yaml").version
    monthly, yearly = (
        replace(held(number, "sessions/professional", version), interval=interval)
        for number, interval in ((1, Interval.MONTH), (2, Interval.YEAR))
    )
    text = SESSIONS.replace('amount: "490.00"', 'amount: "500.00"')
    found = await dry_run_catalog(await desk(monthly, yearly), text, "sessions.yaml")
    assert (of(found, "tsub_1").before, of(found, "tsub_1").unknown) == (None, "")
    touched = of(found, "tsub_2")
    assert (touched.before, touched.after) == (Money("usd", 49000), Money("usd", 50000))
    (total,) = found.totals
    assert (total.interval, total.count) == (Interval.YEAR, 1)


async def test_open_quotes_of_a_plan_are_told_with_what_they_would_cost_again() -> None:
    at = await desk()
    name = await quote(at, PlanSelection("kube-dc/pro-pool", TURBO))
    await quote(at, PlanSelection("sessions/professional"))
    found = await dry_run_catalog(at, DEARER, "kube-dc.yaml")
    (effect,) = found.effects
    assert (effect.name, effect.subject, effect.account) == (name, Subject.QUOTE, "alice")
    assert (effect.before, effect.after) == (eur("67.00"), eur("77.00"))
    gone = TEXT.replace("  pro-pool:", "  other-pool:")
    (effect,) = (await dry_run_catalog(at, gone, "kube-dc.yaml")).effects
    assert effect.unknown.startswith("cannot be asked for again")


async def test_who_cannot_be_asked_is_told_as_unknown() -> None:
    at = await desk()
    for holdings, text in ((None, "no subscription service"), (Sold(away=True), "is away")):
        asked = VersionDesk(at.tx, holdings, at.costs)
        found = await dry_run_catalog(asked, DEARER, "kube-dc.yaml")
        assert any(text in one for one in found.unknown)


async def test_a_file_that_could_not_come_into_force_is_refused_with_its_lines() -> None:
    at = await desk()
    bad = TEXT.replace("tier: premium", "teer: premium", 1)
    with pytest.raises(InvalidArgument) as refused:
        await dry_run_catalog(at, bad, "kube-dc.yaml")
    line = next(n for n, one in enumerate(bad.splitlines(), 1) if "teer" in one)
    (wrong,) = refused.value.fields
    assert wrong.description.startswith(f"kube-dc.yaml:{line}: plans.pro-pool.teer: ")
    with pytest.raises(InvalidArgument, match="is no key"):
        await dry_run_rate_card(at, RATES + "\nextra: 1", "rates.yaml")


async def test_a_price_that_another_catalog_sells_is_told() -> None:
    text = TEXT.replace("price_kube_dc_dev_pool", "price_sessions_professional")
    found = await dry_run_catalog(await desk(), text, "kube-dc.yaml")
    assert "price_sessions_professional is sold by catalog sessions already" in found.findings


async def test_a_dearer_core_touches_open_quotes_the_largest_first() -> None:
    at = await desk()
    small = await quote(at, DeploymentRequest([ResourceRequest("webapp", "1")]))
    large = await quote(at, DeploymentRequest([ResourceRequest("webapp", "4", "20G")]))
    await quote(at, DeploymentRequest([ResourceRequest("webapp", "", "1Gi")]))
    found = await dry_run_rate_card(at, RATES.replace('"0.048"', '"0.058"'), "rates.yaml")
    assert [one.name for one in found.effects] == [large, small]
    # 730 hours of one core at 0.048 and 0.058.
    assert of(found, small).before == Money("usd", 3504)
    assert of(found, small).after == Money("usd", 4234)
    (total,) = found.totals
    assert total.count == 2
    assert total.after - total.before == Money("usd", 5 * 730)


async def test_a_region_that_is_gone_is_told_of_the_quotes_of_it() -> None:
    at = await desk()
    name = await quote(at, DeploymentRequest([ResourceRequest("webapp", "1")], region="eu-west-1"))
    text = RATES.replace("eu-west-1:", "eu-west-9:")
    found = await dry_run_rate_card(at, text, "rates.yaml")
    assert of(found, name).unknown.startswith("cannot be asked for again: region")


async def test_a_budget_is_touched_by_what_stands_under_it() -> None:
    costs = MemoryCostTransactions()
    costs.time = NOW
    costs.state.cards.append((0, CARD))
    quota = {"cpu": "8", "memory": "24Gi", "storage": "160Gi"}
    stands = Organization(quota, {}, "1.0", ContainerLimits(), 1, 0, {})
    for number, organization in enumerate(("acme", "acme", "other")):
        seen = Observation(
            f"ten_{number}",
            1,
            NOW,
            f"acc_{number}",
            "kube-dc/pro-pool",
            stands,
            organization=organization,
        )
        await take_observation(costs, seen)
    for name in ("acme", "nobody"):
        await costs.run(partial(add_budget, budget(name)))
    at = await desk(costs=costs)
    found = await dry_run_rate_card(at, RATES.replace('"0.048"', '"0.058"'), "rates.yaml")
    (effect,) = found.effects
    assert (effect.subject, effect.account) == (Subject.BUDGET, "acme")
    assert effect.before is not None
    assert effect.after is not None
    # Two organizations of 8 cores for 730 hours, a cent each.
    assert effect.after - effect.before == Money("usd", 2 * 8 * 730)


async def add_budget(made: Budget, store: MemoryCostStore) -> None:
    await store.add_budget(made)


def budget(organization: str) -> Budget:
    return Budget(
        f"bud_{organization}",
        organization,
        CostFilter(organization=organization),
        Money("usd", 100_000),
        (),
        NOW,
        NOW,
    )
