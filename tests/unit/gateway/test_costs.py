"""Costs and budgets over REST: who asks for what, in which form it is answered, and refusals."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from gateway.ports.costs import (
    DIMENSIONS,
    Alert,
    BudgetWish,
    CostLine,
    CostQuestion,
    CostRecord,
    CostReport,
    Delivery,
    Forecast,
    MonthForecast,
    PageWish,
    Threshold,
)
from gateway.routes.costs import models
from gateway.routes.costs.recommendations import RecommendationsAnswer
from gateway.routes.scaffolder.models import Refused
from services.chassis.errors import FieldViolation, InvalidArgument, PermissionDenied
from services.chassis.money import Money
from tests.unit.gateway.world import ADMIN, World, running

T = "/api/tollgate"
REPORT, RECORDS, FORECAST = f"{T}/costs/report", f"{T}/costs/records", f"{T}/costs/forecast"
BUDGETS, ALERTS = f"{T}/budgets", f"{T}/budget-alerts"
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def usd(cents: int) -> Money:
    return Money("usd", cents)


FOUND = CostReport(
    [
        CostLine(("=HYPERLINK(1)", "2026-11"), usd(1250), 2),
        CostLine(('a "b", c', "2026-11"), usd(5), 1),
    ],
    [CostLine((), usd(1255), 3)],
    NOVEMBER,
    DECEMBER,
)
RECORD = CostRecord(
    name="cost_1",
    tenant="ten_1",
    account="acc_1",
    user="@uma",
    team="",
    organization="acme",
    plan="kube-dc/pro-pool",
    region="us-east-1",
    namespace="acme-web",
    kind="organization",
    quota={"cpu": "4"},
    begin=NOVEMBER,
    end=None,
    monthly_rate="213.0812",
    cost="7.000000000001",
    currency="usd",
    rate_card_version="v1",
)
MONTH = MonthForecast("2026-11", [Forecast(usd(100), usd(300), usd(250), usd(350))])
WISH: dict[str, object] = {
    "displayName": "Ours",
    "filter": {"organization": "acme"},
    "amount": 100.5,
    "currency": "USD",
    "thresholds": [{"percent": 80}, {"percent": 100, "basis": "forecast"}],
    "emails": ["ada@acme.example"],
    "webhookUrl": "https://hooks.example/1",
}
ALERT = Alert(
    "alr_1",
    "bud_1",
    "2026-11",
    Threshold(80, "spent"),
    usd(10050),
    usd(9000),
    NOVEMBER,
    [Delivery("adl_1", "mail", "ada@acme.example", "pending", 1, "421 busy")],
)
ROUTES: list[tuple[str, str, object, type[BaseModel]]] = [
    ("GET", f"{REPORT}?by=user,month", None, models.ReportAnswer),
    ("GET", f"{T}/costs/recommendations", None, RecommendationsAnswer),
    ("GET", RECORDS, None, models.RecordsAnswer),
    ("GET", FORECAST, None, models.ForecastAnswer),
    ("GET", BUDGETS, None, models.BudgetsAnswer),
    ("POST", BUDGETS, WISH, models.BudgetAnswer),
    ("GET", f"{BUDGETS}/bud_1", None, models.BudgetAnswer),
    ("PUT", f"{BUDGETS}/bud_1", WISH, models.BudgetAnswer),
    ("GET", f"{BUDGETS}/bud_1/webhook-secret", None, models.SecretAnswer),
    ("GET", f"{BUDGETS}/bud_1/alerts", None, models.AlertsAnswer),
    ("GET", ALERTS, None, models.AlertsAnswer),
]


@pytest.fixture
async def filled(world: World) -> World:
    world.costs.found, world.costs.month = FOUND, MONTH
    world.costs.stood, world.costs.raised = [RECORD], [ALERT]
    made = await world.call("admin", "POST", BUDGETS, WISH)
    assert made.status_code == 201
    world.costs.asked.clear()
    return world


@pytest.mark.parametrize(("method", "path", "body", "model"), ROUTES)
async def test_each_route_answers_exactly_what_is_documented(
    filled: World, method: str, path: str, body: object, model: type[BaseModel]
) -> None:
    answer = await filled.call("admin", method, path, body)
    assert answer.status_code in (200, 201)
    model.model_validate_json(answer.text)
    assert filled.costs.callers[-1] == ADMIN


@pytest.mark.parametrize(("method", "path", "body", "model"), ROUTES)
async def test_nobody_is_answered_without_a_token_and_everybody_is_counted(
    filled: World, method: str, path: str, body: object, model: type[BaseModel]
) -> None:
    refused = await filled.call("", method, path, body)
    assert refused.status_code == 401
    Refused.model_validate_json(refused.text)
    async with running(per_minute=1) as busy:
        busy.costs.refusal = PermissionDenied("no", reason="NOT_YOURS")
        statuses = [(await busy.call("user", method, path, body)).status_code for _ in range(2)]
    assert statuses == [403, 429]


async def test_the_document_names_every_route_with_its_answer(world: World) -> None:
    paths = (await world.call("", "GET", "/openapi.json")).json()["paths"]
    for method, path, body, _ in ROUTES:
        spelled = path.partition("?")[0].replace("bud_1", "{budget}")
        operation = paths[spelled][method.lower()]
        assert ("requestBody" in operation) == (body is not None)
        assert operation["tags"] == ["costs"]
    assert set(paths[REPORT]["get"]["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
    }


async def test_a_report_asks_for_what_the_url_says(filled: World) -> None:
    url = f"{REPORT}?by=user,month&organization=acme&from=2026-11-01&to=2026-11-02T03:00:00%2B01:00"
    answer = await filled.call("admin", "GET", url)
    asked = CostQuestion({"organization": "acme"}, NOVEMBER, datetime(2026, 11, 2, 2, tzinfo=UTC))
    assert filled.costs.asked == [(asked, ("user", "month"))]
    body = answer.json()
    assert body["lines"][0] == {
        "values": {"user": "=HYPERLINK(1)", "month": "2026-11"},
        "amount": 12.50,
        "currency": "USD",
        "records": 2,
    }
    assert body["totals"] == [{"amount": 12.55, "currency": "USD", "records": 3}]
    assert '"amount":12.50' in answer.text


async def test_a_month_is_from_its_first_second_to_the_next_one(filled: World) -> None:
    await filled.call("admin", "GET", f"{REPORT}?month=2026-11&by=user,month")
    assert filled.costs.asked == [(CostQuestion({}, NOVEMBER, DECEMBER), ("user", "month"))]


@pytest.mark.parametrize(
    "accept", ["text/csv", "text/csv, application/json;q=0.5", "application/json;q=0, text/csv"]
)
async def test_a_report_is_a_table_for_who_accepts_one(filled: World, accept: str) -> None:
    answer = await filled.call("admin", "GET", f"{REPORT}?by=user,month", Accept=accept)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "Accept" in answer.headers["vary"]
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(answer.text, newline=""))) == [
        ["user", "month", "amount", "currency", "records"],
        ["'=HYPERLINK(1)", "2026-11", "12.50", "USD", "2"],
        ['a "b", c', "2026-11", "0.05", "USD", "1"],
    ]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json, text/csv;q=0.9", "text/html"])
async def test_who_does_not_prefer_a_table_gets_json(filled: World, accept: str) -> None:
    answer = await filled.call("admin", "GET", f"{REPORT}?by=user,month", Accept=accept)
    assert answer.headers["content-type"] == "application/json"
    named = await filled.call(
        "admin", "GET", f"{REPORT}?by=user,month&format=csv", Accept="application/json"
    )
    assert named.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize("first", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "  =1"])
async def test_no_cell_is_a_formula(filled: World, first: str) -> None:
    line = CostLine((first, "2026-11"), usd(1), 1)
    filled.costs.found = replace(FOUND, lines=[line])
    answer = await filled.call("admin", "GET", f"{REPORT}?by=user,month&format=csv")
    (_, row) = csv.reader(io.StringIO(answer.text, newline=""))
    assert row[0] == f"'{first}"


async def test_records_come_in_pages_that_name_the_next_one(filled: World) -> None:
    filled.costs.token = "x=1&y"
    answer = await filled.call("admin", "GET", f"{RECORDS}?pageSize=1&plan=kube-dc/pro-pool")
    question = CostQuestion({"plan": "kube-dc/pro-pool"}, None, None)
    assert filled.costs.asked[-1] == (question, PageWish(1, ""))
    body = answer.json()
    assert (body["nextPageToken"], body["records"][0]["team"]) == ("x=1&y", None)
    url = answer.links["next"]["url"]
    again = await filled.call("admin", "GET", f"{url}&format=csv")
    assert filled.costs.asked[-1] == (question, PageWish(1, "x=1&y"))
    assert again.text.startswith("id,tenant,")
    (row,) = csv.DictReader(io.StringIO(again.text, newline=""))
    assert (row["user"], row["end"], row["cost"]) == ("'@uma", "", "7.000000000001")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=user,weather", "by"),
        ("from=yesterday", "from"),
        ("to=2026-11-01T00:00:00", "to"),
        ("month=2026-13", "month"),
        ("month=2026-11&from=2026-11-01", "month"),
        ("user=%00", "user"),
        ("format=xml", "format"),
    ],
)
async def test_what_the_url_says_wrong_is_named(filled: World, query: str, field: str) -> None:
    answer = await filled.call("admin", "GET", f"{REPORT}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert filled.costs.asked == []


async def test_refusals_name_the_fields_that_the_client_sent(filled: World) -> None:
    inner = {
        "filter.user": "user",
        "dimensions[1]": "by",
        "from_time": "from",
        "page_size": "pageSize",
        "budget.filter": "filter",
        "budget.filter.plan": "filter.plan",
        "budget.display_name": "displayName",
        "budget.amount.minor_units": "amount",
        "budget.thresholds[0].percent": "thresholds[0].percent",
        "budget.emails[0]": "emails[0]",
        "budget.webhook_url": "webhookUrl",
        "request_id": "Idempotency-Key",
    }
    bad = [FieldViolation(field, "expected better") for field in inner]
    filled.costs.refusal = InvalidArgument("no", fields=bad, reason="INVALID_FIELDS")
    answer = await filled.call("admin", "POST", BUDGETS, WISH)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == list(inner.values())


async def test_costs_of_another_are_refused_with_what_may_be_seen(filled: World) -> None:
    sentence = "You may see the costs of user 'ada' only; name that in the filter."
    filled.costs.refusal = PermissionDenied(sentence, reason="NOT_YOURS")
    answer = await filled.call("user", "GET", f"{REPORT}?user=bea")
    assert (answer.status_code, answer.json()) == (403, {"error": sentence, "code": "NOT_YOURS"})


async def test_a_budget_is_made_as_it_was_asked_for_and_once_for_a_key(world: World) -> None:
    made = [
        await world.call("admin", "POST", BUDGETS, WISH, **{"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert made[0].json() == made[1].json()
    assert list(world.costs.kept) == ["bud_1"]
    assert world.costs.kept["bud_1"].wish == BudgetWish(
        "Ours",
        {"organization": "acme"},
        usd(10050),
        [Threshold(80, "spent"), Threshold(100, "forecast")],
        ["ada@acme.example"],
        "https://hooks.example/1",
    )


async def test_a_change_names_the_state_that_it_changes(filled: World) -> None:
    path = f"{BUDGETS}/bud_1"
    changed = await filled.call("admin", "PUT", path, WISH | {"amount": 7, "etag": "1"})
    assert (changed.json()["amount"], changed.json()["etag"]) == (7.00, "2")
    stale = await filled.call("admin", "PUT", path, WISH | {"etag": "1"})
    assert (stale.status_code, stale.json()["code"]) == (412, "ETAG_MISMATCH")
    assert (await filled.call("admin", "DELETE", f"{path}?etag=1")).status_code == 412
    gone = await filled.call("admin", "DELETE", f"{path}?etag=2")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await filled.call("admin", "GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": "5"}, "amount"),
        ({"amount": 1.005}, "amount"),
        ({"amount": 1e300}, "amount"),
        ({"currency": "GOLD"}, "currency"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": [{"percent": 0}]}, "thresholds[0].percent"),
        ({"thresholds": [{"percent": 5, "basis": "hope"}]}, "thresholds[0].basis"),
        ({"emails": ["a"] * 6}, "emails"),
        ({"displayName": ""}, "displayName"),
    ],
)
async def test_a_bad_field_of_a_budget_is_named(
    world: World, change: dict[str, object], field: str
) -> None:
    answer = await world.call("admin", "POST", BUDGETS, WISH | change)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert world.costs.asked == []


async def test_a_secret_is_for_no_cache(filled: World) -> None:
    answer = await filled.call("admin", "GET", f"{BUDGETS}/bud_1/webhook-secret")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"secret": "whsec_bud_1"}


async def test_alerts_are_those_of_one_budget_or_of_all(filled: World) -> None:
    one = await filled.call("admin", "GET", f"{BUDGETS}/bud_1/alerts")
    assert one.json() == (await filled.call("admin", "GET", ALERTS)).json()
    assert (await filled.call("admin", "GET", f"{BUDGETS}/bud_2/alerts")).json()["alerts"] == []
    (alert,) = one.json()["alerts"]
    assert (alert["found"], alert["amount"], alert["currency"]) == (90.00, 100.50, "USD")
    assert alert["deliveries"][0]["lastError"] == "421 busy"


async def test_every_dimension_of_a_report_may_be_asked_for(filled: World) -> None:
    for dimension in DIMENSIONS:
        filled.costs.found = replace(FOUND, lines=[CostLine(("x",), usd(1), 1)])
        answer = await filled.call("platform", "GET", f"{REPORT}?by={dimension}")
        assert answer.json()["lines"][0]["values"] == {dimension: "x"}
