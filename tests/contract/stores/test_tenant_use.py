"""What tenants use and what is recommended by it; in memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from services.chassis.errors import InvalidArgument, Unavailable
from services.chassis.money import Money
from services.pricing import capacity as c
from services.pricing.catalog_file import parse_catalog
from services.pricing.costs import usecases
from services.pricing.costs.advising import Adviser
from services.pricing.costs.domain import SECONDS_AN_HOUR, CostFilter, Observation, second_of
from services.pricing.costs.errors import NotYourCosts
from services.pricing.costs.ports import RecommendationQuery, Store
from services.pricing.costs.recommending import Outcome, Recommendation, Rules
from services.pricing.costs.sight import Asker
from services.pricing.costs.use import UsedHour, UseSummary
from services.pricing.domain import Interval
from services.pricing.quotes import PlanQuote, Quote, QuoteLine
from services.pricing.ratecard_file import parse_rate_card
from tests.contract.stores.costs_backend import CARD, RATES, Backend, InMemory, on_postgres
from tests.fakes.pricing_use import MemoryOffers
from tests.integration.postgres_fixture import Database

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
GIB = 1 << 30
POOLS = parse_catalog(Path("deploy/catalogs/kube-dc.yaml").read_text(), "kube-dc.yaml")
ADVISER = Adviser(MemoryOffers({"kube-dc": POOLS}), Rules(days=7, least_hours=3))
PARTNER = "account_tiers: {partner: {off: '0.25', display_name: Partner}}"
ROOT = Asker("root", everything=True)
BOSS = Asker("bea", name="bea", organization="acme")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Backend]:
    if request.param == "memory":
        yield InMemory()
        return
    async with on_postgres(database) as backend:
        yield backend


async def this_hour(store: Backend) -> int:
    async def read(one: Store) -> int:
        return second_of(await one.now()) // SECONDS_AN_HOUR

    return await store.tx.run(read)


async def use(store: Backend, tenant: str, hour: int, cpu: int, memory: int = GIB) -> None:
    told = UsedHour(tenant, hour, 12, cpu // 2, cpu, memory // 2, memory, 10 * GIB)
    await usecases.take_use(store.tx, told)


async def summary(store: Backend, tenant: str, since: int = 0) -> UseSummary | None:
    found = await store.tx.single(lambda one: one.use_of([tenant], since))
    return found.get(tenant)


async def stands(
    store: Backend, tenant: str, plan: str, organization: str = "acme", as_plan: str = ""
) -> None:
    capacity = POOLS.plans[plan].provisions
    seen = datetime.now(UTC) - timedelta(days=30)
    named = as_plan or f"kube-dc/{plan}"
    told = Observation(tenant, 1, seen, f"acc_{tenant}", named, capacity, organization=organization)
    await usecases.take_observation(store.tx, told)


async def advised(
    store: Backend, asker: Asker = ROOT, *, size: int = 0, token: str = "", **narrow: str
) -> tuple[list[Recommendation], str]:
    asked = RecommendationQuery(CostFilter(**narrow), page_size=size, page_token=token)
    page = await usecases.list_recommendations(store.tx, ADVISER, asker, asked)
    return list(page.items), page.next_token


async def test_an_hour_counts_once_and_as_it_was_told_first(store: Backend) -> None:
    await use(store, "ten_1", 100, 500)
    await use(store, "ten_1", 100, 900)
    assert await summary(store, "ten_1") == UseSummary(1, 500, GIB, GIB, 10 * GIB)
    assert await summary(store, "ten_2") is None


@pytest.mark.parametrize(
    ("hours", "p95"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (100, 95)]
)
async def test_so_many_of_a_hundred_hours_do_not_pass_the_percentile(
    store: Backend, hours: int, p95: int
) -> None:
    for number in range(hours):
        await use(store, "ten_1", 1000 + number, number + 1, (number + 1) * GIB)
    found = UseSummary(hours, p95, p95 * GIB, hours * GIB, 10 * GIB)
    assert await summary(store, "ten_1") == found


async def test_storage_that_no_hour_counted_is_not_known(store: Backend) -> None:
    await usecases.take_use(store.tx, UsedHour("ten_1", 5, 1, 1, 1, 1, 1))
    found = await summary(store, "ten_1")
    assert found is not None
    assert found.storage_bytes is None


async def test_hours_before_the_days_that_count_are_neither_looked_at_nor_kept(
    store: Backend,
) -> None:
    now = await this_hour(store)
    await use(store, "ten_1", now - 7 * 24 - 2, 9000)
    await use(store, "ten_1", now - 1, 100)
    assert await summary(store, "ten_1", now - 7 * 24) == UseSummary(1, 100, GIB, GIB, 10 * GIB)
    assert not await usecases.forget_use(store.tx, ADVISER)
    assert await summary(store, "ten_1") == UseSummary(1, 100, GIB, GIB, 10 * GIB)


async def test_at_most_so_many_hours_are_forgotten_at_once(store: Backend) -> None:
    for hour in range(5):
        await use(store, "ten_1", hour + 1, 100)
    assert await store.tx.single(lambda one: one.forget_use(5, 3)) == 3
    assert await store.tx.single(lambda one: one.forget_use(5, 3)) == 1


async def test_what_is_said_follows_from_what_stands_and_what_was_used(store: Backend) -> None:
    await store.activate(CARD, LONG_AGO)
    now = await this_hour(store)
    for tenant in ("ten_1", "ten_2", "ten_3"):
        await stands(store, tenant, "scale-pool")
    for hour in range(now - 4, now):
        await use(store, "ten_1", hour, 500)
        await use(store, "ten_3", hour, 9000)
    found, more = await advised(store)
    assert [(one.record.tenant, one.outcome) for one in found] == [
        ("ten_1", Outcome.SMALLER_PLAN),
        ("ten_2", Outcome.INSUFFICIENT_DATA),
        ("ten_3", Outcome.WELL_USED),
    ]
    assert more == ""
    assert found[0].smaller is not None
    assert (found[0].smaller.plan, found[0].hours) == ("kube-dc/dev-pool", 4)


async def test_what_is_gone_or_has_no_sizes_is_left_out(store: Backend) -> None:
    await store.activate(CARD, LONG_AGO)
    await stands(store, "ten_1", "pro-pool")
    before = datetime.now(UTC) - timedelta(days=2)
    gone = Observation("ten_1", 2, before, "acc_ten_1", "kube-dc/pro-pool", None)
    bare = Observation("ten_2", 1, before, "acc_2", "scaffolder/basic", c.Resource((), 0))
    for told in (gone, bare):
        await usecases.take_observation(store.tx, told)
    assert await advised(store) == ([], "")


def sold(name: str, account: str, plan: str, minor_units: int) -> Quote:
    """A plan of the pools, quoted for a month in dollars, for which nobody knows a price today."""
    unit, now = Money("usd", minor_units), datetime.now(UTC)
    line = QuoteLine(f"kube-dc/{plan}", {}, 1, unit)
    subject = PlanQuote(f"kube-dc/{plan}", "v1", (), Interval.MONTH, (line,), 0)
    return Quote(name, account, unit, unit, True, subject, now, now + timedelta(hours=1))


async def test_the_plan_is_compared_at_the_price_that_it_was_last_bought_at(
    store: Backend,
) -> None:
    await store.sell(sold("quo_1", "acc_1", "scale-pool", 9_000), taken=True)
    await store.sell(sold("quo_2", "acc_1", "scale-pool", 8_000), taken=True)
    await store.sell(sold("quo_3", "acc_1", "scale-pool", 7_000), taken=False)
    await store.sell(sold("quo_4", "acc_1", "dev-pool", 1_000), taken=True)
    await store.sell(sold("quo_5", "acc_2", "scale-pool", 6_000), taken=True)
    found = await store.tx.run(lambda one: one.sold_to(["acc_1", "acc_3"]))
    assert {key: str(quote.lines[0].unit) for key, quote in found.items()} == {
        ("acc_1", "kube-dc/scale-pool"): "80.00 USD",
        ("acc_1", "kube-dc/dev-pool"): "10.00 USD",
    }


async def test_a_plan_that_is_not_sold_as_the_account_pays_is_not_recommended(
    store: Backend,
) -> None:
    await store.activate(CARD, LONG_AGO)
    now = await this_hour(store)
    await stands(store, "ten_1", "scale-pool")
    for hour in range(now - 4, now):
        await use(store, "ten_1", hour, 500)
    ((before,), _) = await advised(store)
    assert before.outcome is Outcome.SMALLER_PLAN
    # The pools are sold in euro today, and this one pays in dollars.
    await store.sell(sold("quo_1", "acc_ten_1", "scale-pool", 9_000), taken=True)
    ((after,), _) = await advised(store)
    assert after.outcome is Outcome.NO_CHEAPER_PLAN


async def test_pages_go_by_tenant_and_may_be_narrowed_to_savings(store: Backend) -> None:
    await store.activate(CARD, LONG_AGO)
    now = await this_hour(store)
    for number in range(3):
        await stands(store, f"ten_{number}", "scale-pool")
    for hour in range(now - 4, now):
        await use(store, "ten_2", hour, 500)
    tenants, token = [], ""
    for _ in range(3):
        page, token = await advised(store, size=1, token=token)
        tenants += [one.record.tenant for one in page]
    assert (tenants, token) == (["ten_0", "ten_1", "ten_2"], "")
    asked = RecommendationQuery(CostFilter(), only_savings=True, page_size=2)
    first = await usecases.list_recommendations(store.tx, ADVISER, ROOT, asked)
    assert (list(first.items), bool(first.next_token)) == ([], True)
    asked = replace(asked, page_token=first.next_token)
    second = await usecases.list_recommendations(store.tx, ADVISER, ROOT, asked)
    assert [one.record.tenant for one in second.items] == ["ten_2"]


async def test_an_org_admin_is_told_of_the_own_organization_only(store: Backend) -> None:
    await store.activate(CARD, LONG_AGO)
    await stands(store, "ten_1", "pro-pool")
    await stands(store, "ten_2", "pro-pool", "other")
    found, _ = await advised(store, BOSS, organization="acme")
    assert [one.record.tenant for one in found] == ["ten_1"]
    with pytest.raises(NotYourCosts):
        await advised(store, BOSS, organization="other")


async def test_what_was_asked_wrongly_is_named(store: Backend) -> None:
    await store.activate(CARD, LONG_AGO)
    with pytest.raises(InvalidArgument) as refused:
        await advised(store, size=-1)
    assert [bad.field for bad in refused.value.fields] == ["page_size"]
    with pytest.raises(InvalidArgument) as refused:
        await advised(store, plan="\0")
    assert [bad.field for bad in refused.value.fields] == ["filter.plan"]
    with pytest.raises(InvalidArgument):
        await advised(store, token="nonsense")


async def test_before_a_rate_card_is_in_force_nothing_can_be_said(store: Backend) -> None:
    with pytest.raises(Unavailable):
        await advised(store)


async def test_tiers_are_those_of_accounts_and_of_persons(store: Backend) -> None:
    for name in ("acc_1", "ada"):
        await store.give_tier(name, f"tier-of-{name}")
    found = await store.tx.single(lambda one: one.tiers_of(["ada", "acc_1", "acc_2"]))
    assert found == {"acc_1": "tier-of-acc_1", "ada": "tier-of-ada"}


async def test_the_accounts_tier_comes_off_what_the_card_says(store: Backend) -> None:
    await store.activate(parse_rate_card(f"{RATES}\n{PARTNER}", "default.yaml"), LONG_AGO)
    now = await this_hour(store)
    for tenant in ("ten_1", "ten_2"):
        # No plan of this name is sold any more, so there is no price to set against others.
        await stands(store, tenant, "scale-pool", as_plan="kube-dc/once")
        for hour in range(now - 4, now):
            await use(store, tenant, hour, 500)
    await store.give_tier("acc_ten_2", "partner")
    found, _ = await advised(store)
    savings = [one.smaller.saving for one in found if one.smaller is not None]
    assert savings[1] == savings[0] * Fraction(3, 4)
