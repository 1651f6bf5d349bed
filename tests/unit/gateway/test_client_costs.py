"""Costs over real gRPC, against a server that answers what a test sets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest

from gateway.clients import GrpcCosts
from gateway.ports.costs import (
    BudgetWish,
    CostQuestion,
    Delivery,
    PageWish,
    Threshold,
)
from services.chassis.channel import connect
from services.chassis.errors import NotFound
from services.chassis.money import Money
from tests.unit.gateway.scripted import MARCH, Line, Script, scripted, stamp, usd
from tollgate.common.v1 import capacity_pb2
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb
from tollgate.pricing.v1.cost_service_pb2_grpc import (
    CostServiceServicer,
    add_CostServiceServicer_to_server,
)

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
WISH = BudgetWish(
    "Ours",
    {"organization": "acme"},
    Money("usd", 10_000),
    [Threshold(80, "spent"), Threshold(100, "forecast")],
    ("ada@acme.example",),
    "https://hooks.example/",
)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    script, server = Script(), grpc.aio.server()
    add_CostServiceServicer_to_server(scripted(CostServiceServicer, script), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, None)
        channel = connect(f"127.0.0.1:{port}", server_name="any", tls=None, attempts=1)
        stack.push_async_callback(channel.close)
        yield Line(script, channel)


async def test_a_report_is_asked_for_and_read(line: Line) -> None:
    line.script.answers["GetCostReport"] = lambda _: pb.GetCostReportResponse(
        lines=[cost_pb2.CostLine(values=["ada", "2026-03"], cost=usd(5), records=2)],
        totals=[cost_pb2.CostLine(cost=usd(5), records=2)],
        from_time=stamp(MARCH),
        to_time=stamp(APRIL),
    )
    asked = CostQuestion({"user": "ada", "plan": "a/b"}, MARCH, None)
    found = await GrpcCosts(line.channel).report(asked, ["user", "month"])
    (request,) = line.script.asked
    assert request.filter == cost_pb2.CostFilter(user="ada", plan="a/b")
    assert list(request.dimensions) == [
        cost_pb2.COST_DIMENSION_USER,
        cost_pb2.COST_DIMENSION_MONTH,
    ]
    assert request.from_time.ToDatetime(tzinfo=UTC) == MARCH
    assert not request.HasField("to_time")
    assert (found.begin, found.end) == (MARCH, APRIL)
    assert (found.lines[0].values, found.lines[0].cost) == (("ada", "2026-03"), Money("usd", 5))


async def test_records_say_what_stood_and_for_how_long(line: Line) -> None:
    quota = capacity_pb2.OrganizationCapacity(quota={"cpu": "4"})
    standing = cost_pb2.CostRecord(
        name="cost_2",
        begin_time=stamp(MARCH),
        monthly_rate="1.5",
        capacity=capacity_pb2.Capacity(organization=quota),
    )
    ended = cost_pb2.CostRecord(name="cost_1", begin_time=stamp(MARCH), end_time=stamp(APRIL))
    line.script.answers["ListCostRecords"] = lambda _: pb.ListCostRecordsResponse(
        records=[standing, ended], next_page_token="next"
    )
    found = await GrpcCosts(line.channel).records(CostQuestion({}), PageWish(2, "here"))
    assert (line.script.asked[0].page_size, line.script.asked[0].page_token) == (2, "here")
    assert found.next_token == "next"
    first, second = found.records
    assert (first.kind, first.quota, first.end) == ("organization", {"cpu": "4"}, None)
    assert (second.kind, second.quota, second.end) == ("nothing", {}, APRIL)


async def test_a_budget_is_written_and_read_whole(line: Line) -> None:
    def keep(request: Any) -> Any:
        stored = cost_pb2.Budget()
        stored.CopyFrom(request.budget)
        stored.name, stored.etag = request.budget.name or "bud_1", "2"
        stored.create_time.CopyFrom(stamp(MARCH))
        stored.update_time.CopyFrom(stamp(APRIL))
        answer = pb.UpdateBudgetResponse if request.budget.name else pb.CreateBudgetResponse
        return answer(budget=stored)

    line.script.answers |= {"CreateBudget": keep, "UpdateBudget": keep}
    costs = GrpcCosts(line.channel)
    made = await costs.create_budget(WISH, "k1")
    changed = await costs.update_budget("bud_1", WISH, etag="1", request_id="k2")
    assert made == changed
    assert (made.wish, made.etag, made.update_time) == (WISH, "2", APRIL)
    create, update = line.script.asked
    assert (create.request_id, update.request_id) == ("k1", "k2")
    assert (update.budget.name, update.budget.etag) == ("bud_1", "1")


async def test_alerts_say_who_was_told_also_in_words_of_a_newer_version(line: Line) -> None:
    unknown = cost_pb2.AlertDelivery(name="adl_2", target="x")
    unknown.channel = 99  # type: ignore[assignment]  # a number that no version knows yet
    told = cost_pb2.AlertDelivery(
        name="adl_1",
        channel=cost_pb2.AlertDelivery.CHANNEL_WEBHOOK,
        target="https://hooks.example/",
        state=cost_pb2.AlertDelivery.STATE_GIVEN_UP,
        attempts=10,
        last_error="it answered 500",
    )
    alert = cost_pb2.BudgetAlert(
        name="alr_1",
        budget="bud_1",
        month="2026-03",
        threshold=cost_pb2.BudgetThreshold(percent=80, basis=cost_pb2.BudgetThreshold.BASIS_SPENT),
        amount=usd(100),
        found=usd(90),
        create_time=stamp(MARCH),
        deliveries=[told, unknown],
    )
    line.script.answers["ListBudgetAlerts"] = lambda _: pb.ListBudgetAlertsResponse(alerts=[alert])
    (found,) = (await GrpcCosts(line.channel).alerts("bud_1", PageWish())).alerts
    assert found.threshold == Threshold(80, "spent")
    assert found.deliveries[0] == Delivery(
        "adl_1", "webhook", "https://hooks.example/", "given-up", 10, "it answered 500"
    )
    assert (found.deliveries[1].channel, found.deliveries[1].state) == ("other", "other")


async def test_the_rest_asks_for_what_it_is_called_after(line: Line) -> None:
    forecast = cost_pb2.Forecast(spent=usd(1), expected=usd(3), low=usd(2), high=usd(4))
    budget = cost_pb2.Budget(name="bud_1", amount=usd(1))
    line.script.answers |= {
        "ForecastCosts": lambda _: pb.ForecastCostsResponse(month="2026-03", forecasts=[forecast]),
        "GetBudget": lambda _: pb.GetBudgetResponse(budget=budget),
        "ListBudgets": lambda _: pb.ListBudgetsResponse(budgets=[budget], next_page_token="n"),
        "DeleteBudget": lambda _: pb.DeleteBudgetResponse(),
        "GetBudgetWebhookSecret": lambda _: pb.GetBudgetWebhookSecretResponse(secret="whsec_x"),
    }
    costs = GrpcCosts(line.channel)
    month = await costs.forecast({"team": "web"})
    assert (month.month, month.forecasts[0].high) == ("2026-03", Money("usd", 4))
    assert (await costs.budget("bud_1")).name == "bud_1"
    assert (await costs.budgets(PageWish(5, "t"))).next_token == "n"
    await costs.delete_budget("bud_1", etag="3", request_id="k")
    assert await costs.webhook_secret("bud_1") == "whsec_x"
    asked = line.script.asked
    assert asked[0].filter.team == "web"
    assert (asked[2].page_size, asked[2].page_token) == (5, "t")
    assert (asked[3].name, asked[3].etag, asked[3].request_id) == ("bud_1", "3", "k")


async def test_refusals_come_through_as_they_are(line: Line) -> None:
    def refuse(_: Any) -> Any:
        raise NotFound("There is no budget bud_9.", reason="UNKNOWN_BUDGET")

    line.script.answers["GetBudget"] = refuse
    with pytest.raises(NotFound) as refused:
        await GrpcCosts(line.channel).budget("bud_9")
    assert refused.value.reason == "UNKNOWN_BUDGET"
