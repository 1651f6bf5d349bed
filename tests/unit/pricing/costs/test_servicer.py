"""From the provisioner's fact to the answers of the RPCs, as each caller sees them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.access import check_complete
from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.identity import Principal, acting
from services.chassis.ids import RandomIds
from services.chassis.sink import DELIVER
from services.pricing.access import ACCESS, COST_ACCESS
from services.pricing.costs.advising import Adviser
from services.pricing.costs.errors import NotYourCosts
from services.pricing.costs.recommending import Rules
from services.pricing.costs.servicer import COSTS, CostServicer, ObservationIntake, asker_of
from services.pricing.ratecard_file import parse_rate_card
from services.provisioner import convert as provisioner
from services.provisioner.domain import (
    NothingCapacity,
    Observed,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    Tenant,
    TenantPhase,
    Version,
)
from tests.fakes.pricing_costs import MemoryCostTransactions
from tests.fakes.pricing_use import MemoryOffers
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import cost_pb2, pricing_service_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb
from tollgate.provisioner.v1 import events_pb2

CARD = parse_rate_card(Path("deploy/rates/default.yaml").read_text(), "default.yaml")
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
_ACME = "https://login.example/realms/acme"
BOSS = Principal("bea", "user", _ACME, "bea@acme.example", "acme", (), ("org-admin",))
UMA = Principal("uma", "user", _ACME, "uma@acme.example", "acme", (), ("user",))
ROOT = Principal("root", "user", "https://idp/realms/master", groups=("platform-admin",))
POOL = OrganizationCapacity(quota={"cpu": "4", "memory": "8Gi", "storage": "60Gi"})
CONTEXT: Any = None


def told(revision: int, when: datetime, phase: TenantPhase, uid: str = "u") -> FactRecord:
    """What the provisioner says of the organization acme."""
    order = Order(
        "acc_1",
        1,
        Version(1, 1),
        OrderedPhase.RUNNING,
        "kube-dc/dev-pool",
        POOL,
        organization="acme",
    )
    tenant = Tenant(
        "ten_1", 1, order, when, when, phase=phase, uid=uid, standing=POOL, revision=revision
    )
    return provisioner.Codec(region="eu-west-1", priced=True).fact(Observed(tenant, when))


@pytest.fixture
async def tx() -> MemoryCostTransactions:
    memory = MemoryCostTransactions()
    memory.state.cards = [(0, CARD)]
    memory.time = MARCH + timedelta(days=10)
    intake = ObservationIntake(memory)
    await intake.take(told(1, MARCH, TenantPhase.PROGRESSING, ""), "provisioner")
    await intake.take(told(2, MARCH + timedelta(hours=1), TenantPhase.READY), "provisioner")
    return memory


@pytest.fixture
def costs(tx: MemoryCostTransactions) -> CostServicer:
    return CostServicer(tx, RandomIds(), "sub", Adviser(MemoryOffers(), Rules()))


def test_pricing_is_told_where_somebody_asks_for_costs() -> None:
    assert told(1, MARCH, TenantPhase.READY).destinations == ("subscription", "pricing")
    assert provisioner.Codec().fact(
        Observed(
            Tenant(
                "ten_1",
                1,
                Order("acc_1", 1, Version(1, 1), OrderedPhase.RUNNING, "a/b", NothingCapacity()),
                MARCH,
                MARCH,
                revision=1,
            ),
            MARCH,
        )
    ).destinations == ("subscription",)


async def test_what_the_provisioner_saw_is_a_record(costs: CostServicer) -> None:
    with acting(BOSS):
        answer = await costs.ListCostRecords(
            pb.ListCostRecordsRequest(filter=cost_pb2.CostFilter(organization="acme")), CONTEXT
        )
    (record,) = answer.records
    assert (record.tenant, record.organization, record.region) == ("ten_1", "acme", "eu-west-1")
    assert record.begin_time.ToDatetime(UTC) == MARCH + timedelta(hours=1)
    assert not record.HasField("end_time")
    assert dict(record.capacity.organization.quota) == dict(POOL.quota)
    # (4 x 0.048 x 730 + 8 x 0.0067 x 730 + 60 x 0.10) x 1.15
    assert record.monthly_rate == "213.0812"


async def test_a_report_and_a_forecast_say_what_stands_costs(costs: CostServicer) -> None:
    begin = Timestamp()
    begin.FromDatetime(MARCH)
    narrow = cost_pb2.CostFilter(organization="acme")
    with acting(BOSS):
        report = await costs.GetCostReport(
            pb.GetCostReportRequest(
                filter=narrow,
                dimensions=[cost_pb2.COST_DIMENSION_PLAN, cost_pb2.COST_DIMENSION_MONTH],
                from_time=begin,
            ),
            CONTEXT,
        )
        forecast = await costs.ForecastCosts(pb.ForecastCostsRequest(filter=narrow), CONTEXT)
    # 239 hours of 730.
    assert [(list(one.values), one.cost.minor_units) for one in report.lines] == [
        (["kube-dc/dev-pool", "2026-03"], 6976)
    ]
    assert report.totals[0].cost == money_pb2.Money(currency="usd", minor_units=6976)
    (found,) = forecast.forecasts
    assert (forecast.month, found.spent.minor_units) == ("2026-03", 6976)
    assert found.expected.minor_units == 21688  # 743 hours
    assert found.low.minor_units < found.expected.minor_units < found.high.minor_units


async def test_members_do_not_see_what_the_organization_pays(costs: CostServicer) -> None:
    with acting(UMA):
        own = await costs.ListCostRecords(pb.ListCostRecordsRequest(), CONTEXT)
        assert list(own.records) == []
        with pytest.raises(NotYourCosts):
            await costs.ListCostRecords(
                pb.ListCostRecordsRequest(filter=cost_pb2.CostFilter(organization="acme")), CONTEXT
            )
    with acting(ROOT):
        every = await costs.ListCostRecords(pb.ListCostRecordsRequest(), CONTEXT)
    assert len(every.records) == 1


async def test_a_budget_is_made_changed_and_deleted(costs: CostServicer) -> None:
    wanted = cost_pb2.Budget(
        display_name="Acme",
        filter=cost_pb2.CostFilter(organization="acme"),
        amount=money_pb2.Money(currency="usd", minor_units=5000),
        thresholds=[
            cost_pb2.BudgetThreshold(percent=80, basis=cost_pb2.BudgetThreshold.BASIS_SPENT)
        ],
    )
    with acting(BOSS):
        request = pb.CreateBudgetRequest(budget=wanted, request_id="k")
        made = (await costs.CreateBudget(request, CONTEXT)).budget
        assert (await costs.CreateBudget(request, CONTEXT)).budget == made
        wanted.name, wanted.etag, wanted.display_name = made.name, made.etag, "Acme Inc."
        changed = await costs.UpdateBudget(pb.UpdateBudgetRequest(budget=wanted), CONTEXT)
        listed = await costs.ListBudgets(pb.ListBudgetsRequest(), CONTEXT)
        assert list(listed.budgets) == [changed.budget]
        await costs.DeleteBudget(pb.DeleteBudgetRequest(name=made.name), CONTEXT)
        assert not (await costs.ListBudgets(pb.ListBudgetsRequest(), CONTEXT)).budgets


async def test_only_the_provisioner_tells_what_stands(tx: MemoryCostTransactions) -> None:
    with pytest.raises(InvalidArgument):
        await ObservationIntake(tx).take(told(3, MARCH, TenantPhase.READY), "payments")


async def test_a_kind_of_capacity_that_is_not_known_yet_is_kept(tx: MemoryCostTransactions) -> None:
    fact = told(3, MARCH, TenantPhase.READY)
    message = events_pb2.CapacityObserved.FromString(fact.payload)
    message.ClearField("capacity")
    message.capacity.SetInParent()
    later = FactRecord("fct_9", fact.key, 3, fact.type, message.SerializeToString())
    await ObservationIntake(tx).take(later, "provisioner")
    assert [kept.id for kept, _ in tx.state.unknown] == ["fct_9"]


def test_every_rpc_has_a_rule_and_only_the_provisioner_delivers() -> None:
    for table, message in ((COST_ACCESS, pb), (ACCESS, pricing_service_pb2)):
        for service in message.DESCRIPTOR.services_by_name.values():
            methods = [f"/{service.full_name}/{method.name}" for method in service.methods]
            check_complete(methods, {name: rule for name, rule in table.items() if name != DELIVER})
    assert COST_ACCESS[DELIVER].callers == {"provisioner"}
    assert not COST_ACCESS[DELIVER].roles
    assert f"/{COSTS}/GetCostReport" in COST_ACCESS


def test_a_person_is_named_by_the_claim_that_names_owners() -> None:
    assert asker_of(UMA, "sub").name == "uma"
    assert asker_of(UMA, "email").name == "uma@acme.example"
    assert (asker_of(UMA, "sub").organization, asker_of(BOSS, "sub").organization) == ("", "acme")
    assert asker_of(ROOT, "sub").everything
