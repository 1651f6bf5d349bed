"""Observations, records, reports and forecasts; in memory and on PostgreSQL."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from services.chassis.errors import InvalidArgument, Unavailable
from services.chassis.facts import FactRecord
from services.pricing import capacity as c
from services.pricing.costs import usecases
from services.pricing.costs.domain import (
    DAY,
    CostFilter,
    CostRecord,
    Dimension,
    Observation,
    second_of,
)
from services.pricing.costs.errors import NotYourCosts
from services.pricing.costs.forecast import daily_costs
from services.pricing.costs.months import Window
from services.pricing.costs.ports import RecordQuery
from services.pricing.costs.report import Report, ReportRequest, rounded
from services.pricing.costs.sight import Asker
from services.pricing.ratecard_file import parse_rate_card
from tests.contract.stores.costs_backend import CARD, RATES, Backend, InMemory, on_postgres
from tests.integration.postgres_fixture import Database

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = Asker("root", everything=True)
ADA = Asker("ada", name="ada")
BOSS = Asker("bea", name="bea", organization="acme")


@pytest.fixture(params=["memory", "postgres"])
async def bare(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Backend]:
    if request.param == "memory":
        yield InMemory()
        return
    async with on_postgres(database) as backend:
        yield backend


@pytest.fixture
async def store(bare: Backend) -> Backend:
    await bare.activate(CARD, LONG_AGO)
    return bare


def quota(cpu: int) -> c.Organization:
    return c.Organization(
        quota={"cpu": str(cpu), "memory": "8Gi"},
        overhead_per_project={},
        burst_ratio="1",
        container=c.ContainerLimits(),
        public_ips=1,
        object_storage_gb=5,
        suspended_quota={"cpu": "1"},
    )


NAMESPACE = c.Namespace(
    quota={"requests.memory": "6400M"},
    container=c.ContainerLimits(max={"cpu": "1"}),
    autoscale=c.Autoscale(1, 5, 70),
    warm_pool=1,
    workload=c.Workload("image", {"cpu": "50m"}, {"cpu": "1"}, 8080, ("--fast",)),
)


def seen(
    tenant: str, revision: int, when: datetime, capacity: c.Capacity | None, user: str = "ada"
) -> Observation:
    return Observation(
        tenant=tenant,
        revision=revision,
        observe_time=when,
        account=f"acc_{tenant}",
        plan="sessions/professional",
        capacity=capacity,
        namespace=f"customer-{tenant}",
        user=user,
    )


async def take(store: Backend, *told: Observation) -> None:
    for one in told:
        await usecases.take_observation(store.tx, one)


async def listed(store: Backend, asker: Asker = ROOT, **narrow: str) -> list[CostRecord]:
    query = RecordQuery(CostFilter(**narrow), None, None, None, 0)
    page, _ = await usecases.list_records(store.tx, asker, query, "")
    return list(page.items)


async def report(
    store: Backend,
    *dimensions: Dimension,
    asker: Asker = ROOT,
    begin: datetime = MARCH,
    end: datetime = MARCH + timedelta(days=31),
    **narrow: str,
) -> Report:
    asked = ReportRequest(CostFilter(**narrow), dimensions, second_of(begin), second_of(end))
    return await usecases.get_report(store.tx, asker, asked)


async def test_a_record_is_kept_as_it_was_observed(store: Backend) -> None:
    await take(store, seen("ten_1", 1, MARCH, NAMESPACE), seen("ten_2", 1, MARCH, quota(4)))
    found = {record.tenant: record for record in await listed(store)}
    assert found["ten_1"].capacity == NAMESPACE
    assert found["ten_2"].capacity == quota(4)
    one = found["ten_1"]
    assert (one.begin, one.end, one.user) == (second_of(MARCH), None, "ada")
    assert (one.account, one.namespace) == ("acc_ten_1", "customer-ten_1")
    assert one.rate_card_version == CARD.version


async def test_late_and_repeated_facts_correct_what_stands(store: Backend) -> None:
    hour = timedelta(hours=1)
    told = [
        seen("ten_1", 1, MARCH, quota(4)),
        seen("ten_1", 2, MARCH + hour, quota(8)),
        seen("ten_1", 3, MARCH + 2 * hour, quota(4)),
        seen("ten_1", 4, MARCH + 3 * hour, None),
    ]
    await take(store, told[0], told[3], told[3])
    (whole,) = await listed(store)
    assert (whole.begin, whole.end) == (second_of(MARCH), second_of(MARCH + 3 * hour))
    await take(store, told[2], told[1], told[0])
    found = await listed(store)
    assert [record.end for record in reversed(found)] == [
        second_of(MARCH + number * hour) for number in (1, 2, 3)
    ]
    assert found[-1].name == whole.name


async def test_nothing_is_recorded_while_no_rate_card_was_ever_in_force(bare: Backend) -> None:
    with pytest.raises(Unavailable):
        await take(bare, seen("ten_1", 1, MARCH, quota(4)))
    await bare.activate(CARD, LONG_AGO)
    await take(bare, seen("ten_1", 1, MARCH, quota(4)))
    assert len(await listed(bare)) == 1


async def test_each_change_of_the_rate_card_is_remembered(store: Backend) -> None:
    dearer = parse_rate_card(RATES.replace('"0.048"', '"0.096"'), "dearer.yaml")
    await store.activate(dearer, MARCH)
    hour = timedelta(hours=1)
    await take(
        store,
        seen("ten_1", 1, MARCH - hour, quota(4)),
        seen("ten_2", 1, MARCH + hour, quota(4)),
    )
    found = {record.tenant: record for record in await listed(store)}
    assert found["ten_1"].monthly_rate < found["ten_2"].monthly_rate
    assert found["ten_1"].rate_card_version == CARD.version


async def test_a_capacity_without_quantities_is_refused_for_good(store: Backend) -> None:
    odd = replace(quota(4), quota={"cpu": "many"})
    with pytest.raises(InvalidArgument):
        await take(store, seen("ten_1", 1, MARCH, odd))


async def test_facts_of_unknown_types_are_kept(store: Backend) -> None:
    fact = FactRecord("fct_1", "tenant:ten_1", 1, "tollgate.provisioner.v2.New", b"x")
    await usecases.keep_unknown(store.tx, fact, "provisioner")
    assert await store.unknown() == ["fct_1"]


async def test_records_are_listed_newest_first_page_by_page(store: Backend) -> None:
    for number in range(7):
        begin = MARCH + timedelta(hours=number // 2)
        await take(store, seen(f"ten_{number}", 1, begin, quota(4)))
    whole = await listed(store)
    assert [record.begin for record in whole] == sorted(
        (record.begin for record in whole), reverse=True
    )
    pages: list[CostRecord] = []
    token = ""
    for size in (3, 3, 3):
        query = RecordQuery(CostFilter(), None, None, None, size)
        page, _ = await usecases.list_records(store.tx, ROOT, query, token)
        pages += page.items
        token = page.next_token
    assert pages == whole
    assert token == ""


async def test_records_of_a_time_are_those_that_stood_in_it(store: Backend) -> None:
    day = timedelta(days=1)
    await take(
        store,
        seen("ten_old", 1, MARCH - 2 * day, quota(4)),
        seen("ten_old", 2, MARCH, None),
        seen("ten_in", 1, MARCH - day, quota(4)),
        seen("ten_in", 2, MARCH + day, None),
        seen("ten_new", 1, MARCH + day, quota(4)),
    )
    query = RecordQuery(CostFilter(), second_of(MARCH), second_of(MARCH + day), None, 0)
    page, _ = await usecases.list_records(store.tx, ROOT, query, "")
    assert [record.tenant for record in page.items] == ["ten_in"]


async def test_a_person_sees_the_own_records_and_an_admin_the_organizations(
    store: Backend,
) -> None:
    ours = replace(seen("ten_o", 1, MARCH, quota(4)), user="", organization="acme")
    await take(store, seen("ten_a", 1, MARCH, NAMESPACE), ours)
    assert [one.tenant for one in await listed(store, ADA)] == ["ten_a"]
    assert await listed(store, BOSS) == []
    assert [one.tenant for one in await listed(store, BOSS, organization="acme")] == ["ten_o"]
    for asker, narrow in ((ADA, {"user": "bea"}), (ADA, {"organization": "acme"})):
        with pytest.raises(NotYourCosts) as refused:
            await listed(store, asker, **narrow)
        assert refused.value.metadata == {"user": "ada"}
    with pytest.raises(NotYourCosts):
        await listed(store, BOSS, organization="other")
    with pytest.raises(NotYourCosts):
        await listed(store, Asker("nobody"))


async def test_a_report_is_the_sum_over_the_records_by_hand(store: Backend) -> None:
    chance = random.Random(4)
    for number in range(40):
        begin = MARCH + timedelta(seconds=chance.randrange(-40 * DAY, 60 * DAY))
        tenant, user = f"ten_{number}", chance.choice(("ada", "uma", "zoe"))
        await take(store, seen(tenant, 1, begin, quota(chance.randint(1, 8)), user))
        if chance.random() < 0.7:
            end = begin + timedelta(seconds=chance.randrange(1, 50 * DAY))
            await take(store, seen(tenant, 2, end, None, user))
    begin, end = MARCH - timedelta(days=20), MARCH + timedelta(days=45, seconds=7)
    found = await report(store, Dimension.USER, Dimension.MONTH, begin=begin, end=end)
    by_hand: dict[tuple[str, str], Fraction] = {}
    everything = await listed(store)
    months = [("2026-02", begin, MARCH), ("2026-03", MARCH, datetime(2026, 4, 1, tzinfo=UTC))]
    months.append(("2026-04", datetime(2026, 4, 1, tzinfo=UTC), end))
    for record in everything:
        for month, first, last in months:
            later = max(record.begin, second_of(first))
            cost = record.cost(second_of(last)) - record.cost(later)
            if later < second_of(last) and (record.end is None or record.end > later):
                key = (record.user, month)
                by_hand[key] = by_hand.get(key, Fraction(0)) + cost
    assert {line.values for line in found.lines} == by_hand.keys()
    for line in found.lines:
        assert abs(line.cost.minor_units - by_hand[(line.values[0], line.values[1])] * 100) < 1
    (total,) = found.totals
    assert total.cost == rounded(sum(by_hand.values(), Fraction(0)), "usd")
    assert sum(line.cost.minor_units for line in found.lines) == total.cost.minor_units
    standing = [
        record
        for record in everything
        if record.begin < second_of(end) and (record.end is None or record.end > second_of(begin))
    ]
    assert total.records == len(standing)


@pytest.mark.parametrize("dimension", [one for one in Dimension if one is not Dimension.MONTH])
async def test_a_report_looks_at_every_dimension(store: Backend, dimension: Dimension) -> None:
    told = replace(seen("ten_1", 1, MARCH, quota(4)), organization="acme", region="eu-west-1")
    await take(store, told)
    (line,) = (await report(store, dimension)).lines
    expected = {"region": "eu-west-1", "organization": "acme", "tenant": "ten_1", "team": ""}
    expected |= {"user": "ada", "plan": "sessions/professional", "account": "acc_ten_1"}
    assert line.values == (expected[dimension],)


async def test_filters_narrow_and_the_future_costs_nothing_yet(store: Backend) -> None:
    await take(store, seen("ten_1", 1, MARCH, quota(4)), seen("ten_2", 1, MARCH, quota(8), "uma"))
    only = await report(store, Dimension.USER, user="uma")
    assert [line.values for line in only.lines] == [("uma",)]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    later = await report(store, Dimension.USER, begin=tomorrow, end=tomorrow + timedelta(days=1))
    assert (later.lines, later.totals) == ([], [])


async def test_bad_reports_are_refused_with_every_field(store: Backend) -> None:
    asked = ReportRequest(CostFilter(user="x" * 300), (), 20, 10)
    with pytest.raises(InvalidArgument) as refused:
        await usecases.get_report(store.tx, ROOT, asked)
    assert [bad.field for bad in refused.value.fields] == ["filter.user", "dimensions", "to_time"]


async def test_what_changed_day_by_day_is_what_the_days_cost(store: Backend) -> None:
    chance = random.Random(9)
    for number in range(25):
        begin = MARCH + timedelta(seconds=chance.randrange(-10 * DAY, 10 * DAY))
        end = begin + timedelta(seconds=chance.randrange(1, 12 * DAY))
        tenant = f"ten_{number}"
        await take(store, seen(tenant, 1, begin, quota(chance.randint(1, 8))))
        await take(store, seen(tenant, 2, end, None))
    window = Window(second_of(MARCH), second_of(MARCH) + 10 * DAY)
    changes = await store.tx.run(lambda rows: rows.changes(CostFilter(user="ada"), window))
    days = daily_costs(changes, 10)["usd"]
    everything = await listed(store)
    for day in range(10):
        first = window.begin + day * DAY
        by_hand = sum(
            (one.cost(first + DAY) - one.cost(max(first, one.begin)) for one in everything),
            Fraction(0),
        )
        assert days[day] == by_hand


async def test_the_forecast_is_what_is_spent_and_what_stands(store: Backend) -> None:
    begin = datetime.now(UTC) - timedelta(days=70)
    await take(store, seen("ten_1", 1, begin, quota(4)))
    found = await usecases.forecast_costs(store.tx, ADA, CostFilter())
    (one,) = found.forecasts
    assert found.month == f"{datetime.now(UTC):%Y-%m}"
    # It never changed: the band has no width.
    assert one.spent < one.expected == one.low == one.high
    assert (await usecases.forecast_costs(store.tx, BOSS, CostFilter())).forecasts == []
