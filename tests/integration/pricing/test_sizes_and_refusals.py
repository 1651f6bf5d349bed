"""Sizes in every form that Kubernetes has, and what is refused, at both edges."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.chassis.errors import InvalidArgument
from tests.integration.postgres_fixture import Database
from tests.integration.pricing.counter import Counter, open_counter
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

WEB: dict[str, Any] = {"type": "web", "cpu": 1}
SITE: dict[str, Any] = {"apiVersion": "apps.example.com/v1", "kind": "WordPress"}
# Each row is one size in its spellings, and what that much of it costs in a month.
CORES = (
    (35.04, [1, 1.0, "1", "1.0", "1000m", "+1", "1e0", "1E0", "1000000u", "1000000000n", "1."]),
    (17.52, [0.5, "0.5", ".5", "500m", "5e-1", "0.5000"]),
    (0.00, [0, "0", "", "0m", "-0", "1e-99"]),
    (35040.00, [1000, 1e3, "1e3", "1k", "1000"]),
)
GIBIBYTES = (
    (4.89, [1, "1", "1Gi", "1024Mi", "1048576Ki", "1073741824000m", "1e0"]),
    (7.34, [1.5, "1.5", "1.5Gi", "1536Mi"]),
    (5008.38, [1024, "1Ti", "1024Gi", "1024"]),
    (91.10, ["20G", "20000M", "20000000k"]),
    (0.00, [0, "0Gi", "1n"]),
)
NO_SIZES = [
    "abc", "1.5GiB", "4gi", "1K", "0x10", "1_000", " 4", "4 ", "4\n", "1,5", "--1", "1e", "e3",
    "٣", "１", "٣Gi", "NaN", "Infinity", "-Infinity", "inf", "1e999999999", "1e100", "9" * 41,
    True, False, None, [], {},
]  # fmt: skip
NO_DURATIONS = [
    0, -1, 87_601, 1e20, "0", "-1", "NaN", "Infinity", "1e-999999999", "1e3", "1_000", " 720 ",
    "٧٢٠", "month", "0.0000001", True, [], {},
]  # fmt: skip


@pytest.fixture
async def counter(database: Database, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(database, tmp_path) as opened:
        yield opened


async def wrong(counter: Counter, verb: str, body: object) -> dict[str, str]:
    """Return the bad fields that REST names."""
    answer = await counter.post(verb, body)
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert told["code"] == "INVALID_FIELDS", told
    found: dict[str, str] = told["fields"]
    return found


async def wrong_in(counter: Counter, method: str, request: Any) -> dict[str, str]:
    """Return the bad fields that gRPC names."""
    with pytest.raises(InvalidArgument) as refused:
        await counter.ask(method, request)
    return {one.field: one.description for one in refused.value.fields}


@pytest.mark.parametrize(("name", "rows"), [("cpu", CORES), ("memory", GIBIBYTES)])
async def test_one_size_costs_the_same_however_it_is_written(
    counter: Counter, name: str, rows: Any
) -> None:
    for cost, spellings in rows:
        for size in spellings:
            answer = await counter.post(
                "calculate-price", {"resources": [{"type": "web", name: size}]}
            )
            assert answer.status_code == 200, (size, answer.text)
            assert answer.json()["totalCost"] == cost, size


async def test_what_is_no_size_is_named_and_nothing_else_is(counter: Counter) -> None:
    for name in ("cpu", "memory", "storage"):
        for size in NO_SIZES:
            fields = await wrong(
                counter, "calculate-price", {"resources": [{"type": "web", name: size}]}
            )
            assert list(fields) == [f"resources[0].{name}"], size
            assert fields[f"resources[0].{name}"].startswith("expected"), size
    for size in (-1, -0.5, "-1", "-1Gi", "-500m"):
        fields = await wrong(
            counter, "calculate-price", {"resources": [{"type": "web", "cpu": size}]}
        )
        assert fields == {"resources[0].cpu": "cannot be negative"}
    for size in (1025, "1025", "2k", "1e9"):
        fields = await wrong(
            counter, "calculate-price", {"resources": [{"type": "web", "cpu": size}]}
        )
        assert fields["resources[0].cpu"].startswith("expected at most 1024, got ")


async def test_what_is_no_duration_is_named_with_its_bounds(counter: Counter) -> None:
    for hours in NO_DURATIONS:
        fields = await wrong(counter, "calculate-price", {"resources": [WEB], "duration": hours})
        assert list(fields) == ["duration"], hours
    fields = await wrong(counter, "calculate-price", {"resources": [WEB], "duration": 0})
    assert "above 0 and at most 87600 (ten years)" in fields["duration"]
    longest = await counter.post("calculate-price", {"resources": [WEB], "duration": 87_600})
    assert longest.status_code == 200


async def test_words_for_numbers_that_json_does_not_have_are_named(counter: Counter) -> None:
    for raw in ("NaN", "Infinity", "-Infinity"):
        fields = await wrong(counter, "calculate-price", _sized(raw))
        assert list(fields) == ["resources[0].cpu"], raw
        assert raw in fields["resources[0].cpu"]


async def test_a_number_of_thousands_of_digits_is_no_json(counter: Counter) -> None:
    answer = await counter.post("calculate-price", _sized("9" * 5000))
    assert (answer.status_code, answer.json()["code"]) == (400, "BODY_NOT_JSON")


def _sized(cpu: str) -> str:
    return f'{{"resources":[{{"type":"w","cpu":{cpu}}}]}}'


async def test_everything_that_is_wrong_with_a_price_is_told_at_once_with_what_would_be_right(
    counter: Counter,
) -> None:
    body = {
        "resources": [
            {"type": "", "cpu": "-1", "memory": "lots", "storage": "2000Ti", "replicas": 0},
            *[WEB | {"replicas": 1001}] * 1000,
        ],
        "region": "mars-1",
        "duration": 0,
        "backupPlan": "gold",
        "additionalFeatures": ["ssl", "ssl", "magic"],
        "coupon": "NOPE",
    }
    fields = await wrong(counter, "calculate-price", body)
    assert {
        "region": "expected one of us-east-1, us-west-2, eu-west-1, ap-southeast-1, got 'mars-1'",
        "backupPlan": "expected one of none, basic, premium, got 'gold'",
        "additionalFeatures[1]": "ssl stands twice",
        "additionalFeatures[2]": (
            "expected one of monitoring, logging, ssl, load-balancer, got 'magic'"
        ),
        "duration": "expected hours above 0 and at most 87600 (ten years), got '0'",
        "coupon": "there is no such coupon",
        "resources": "expected 1 to 1000",
        "resources[0].type": "expected 1 to 63 characters, such as wordpress",
        "resources[0].replicas": "expected 1 to 1000",
        "resources[0].cpu": "cannot be negative",
        "resources[1].replicas": "expected 1 to 1000",
    }.items() <= fields.items()
    assert {"resources[0].memory", "resources[0].storage"} <= set(fields)
    # A status has room for so many; the last one says how many more there are.
    assert fields[list(fields)[-1]].endswith("more fields are wrong")
    names = await wrong_in(counter, "CalculatePrice", pb.CalculatePriceRequest(deployment=_bad()))
    assert set(names) == BAD
    commitment = {"years": 2, "upfront": "half"}
    both = await wrong(counter, "calculate-price", {"resources": [WEB], "commitment": commitment})
    assert both == {
        "commitment.years": "expected 1 or 3, got 2",
        "commitment.upfront": "expected one of none, partial, all",
    }


BAD = {
    "deployment.region",
    "deployment.backup_plan",
    "deployment.features[0]",
    "deployment.duration_hours",
    "deployment.resources[0].cpu",
    "deployment.resources[0].replicas",
}


def _bad() -> pricing_pb2.Deployment:
    return pricing_pb2.Deployment(
        resources=[pricing_pb2.ResourceSpec(type="web", cpu="NaN", replicas=-1)],
        region="mars-1",
        backup_plan="gold",
        features=["magic"],
        duration_hours="1e-999999999",
    )


async def test_a_comparison_a_quote_and_an_object_name_everything_at_once_as_well(
    counter: Counter,
) -> None:
    comparison = {
        "resources": [WEB | {"cpu": "-1"}],
        "clouds": ["moon"],
        "regions": ["mars-1"],
        "backupPlan": "gold",
    }
    fields = await wrong(counter, "compare-prices", comparison)
    assert set(fields) == {"clouds[0]", "regions[0]", "backupPlan", "resources[0].cpu"}
    assert "sample-north" in fields["clouds[0]"]
    names = await wrong_in(
        counter, "ComparePrices", pb.ComparePricesRequest(deployment=_bad(), clouds=["moon"])
    )
    assert set(names) == (BAD | {"clouds[0]"})
    asked = pb.CreateQuoteRequest(deployment=_bad(), owner="x" * 256, lifetime_seconds=-1)
    names = await wrong_in(counter, "CreateQuote", asked)
    assert set(names) == BAD | {"owner", "lifetime_seconds"}
    spec = {
        "wordpress": {"replicas": -2, "resources": {"requests": {"cpu": "-1", "memory": []}}},
        "mysql": {"storage": {"size": "much"}},
    }
    body = SITE | {"spec": spec, "region": "mars-1", "duration": 0}
    fields = await wrong(counter, "price-object", body)
    assert set(fields) == {
        "spec.wordpress.replicas",
        "spec.wordpress.resources.requests.cpu",
        "spec.wordpress.resources.requests.memory",
        "spec.mysql.storage.size",
        "region",
        "duration",
    }
    made = pricing_pb2.CustomObject(
        api_version=SITE["apiVersion"], kind=SITE["kind"], spec=json.dumps(spec)
    )
    names = await wrong_in(
        counter, "PriceObject", pb.PriceObjectRequest(object=made, deployment=_bad())
    )
    assert {"object.spec.wordpress.replicas", "deployment.resources", "deployment.region"} <= set(
        names
    )


async def test_a_plans_quote_names_what_is_not_known_with_what_is(counter: Counter) -> None:
    def asked(**fields: Any) -> pb.CreateQuoteRequest:
        plan = {"plan": "kube-dc/pro-pool"} | fields
        return pb.CreateQuoteRequest(plan=pb.PlanSelection(**plan))

    for selection, field, allowed in (
        (asked(plan="kube-dc/huge"), "plan.plan", "dev-pool, pro-pool, scale-pool"),
        (asked(plan="nobody/huge"), "plan.plan", "kube-dc"),
        (asked(plan="huge"), "plan.plan", "<catalog>/<plan>"),
        (asked(currency="xxx"), "plan.currency", "eur/month"),
        (
            asked(addons=[pricing_pb2.AddonQuantity(addon="kube-dc/warp", quantity=1)]),
            "plan.addons",
            "kube-dc/turbo-x1",
        ),
        (
            asked(addons=[pricing_pb2.AddonQuantity(addon="kube-dc/turbo-x1", quantity=-1)]),
            "plan.addons[0].quantity",
            "1 to 1000",
        ),
    ):
        names = await wrong_in(counter, "CreateQuote", selection)
        assert list(names) == [field]
        assert allowed in names[field]


async def test_a_wrong_form_is_named_field_by_field(counter: Counter) -> None:
    body = {
        "resources": [{"type": 1, "cpu": None, "replicas": "2"}, 3],
        "region": 5,
        "backupPlan": ["basic"],
        "additionalFeatures": "ssl",
    }
    assert set(await wrong(counter, "calculate-price", body)) == {
        "resources[0].type",
        "resources[0].cpu",
        "resources[0].replicas",
        "resources[1]",
        "region",
        "backupPlan",
        "additionalFeatures",
    }
    for raw in ("[]", "null", "3", '"text"'):
        assert await wrong(counter, "calculate-price", raw) == {"body": "expected an object"}
    assert await wrong(counter, "price-object", SITE | {"spec": []}) == {
        "spec": "expected an object"
    }


async def test_a_text_that_no_database_takes_is_a_bad_request(counter: Counter) -> None:
    for method, request in (
        ("GetQuote", pb.GetQuoteRequest(name="quo_\0")),
        ("GetPlan", pb.GetPlanRequest(name="kube-dc/pro-pool", catalog_version="\0")),
        ("CreateQuote", pb.CreateQuoteRequest(deployment=_good(), request_id="\0")),
        ("MatchQuote", pb.MatchQuoteRequest(quote="\0", object=_object())),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await counter.ask(method, request)
        assert refused.value.reason == "INVALID_TEXT", method


def _good() -> pricing_pb2.Deployment:
    return pricing_pb2.Deployment(resources=[pricing_pb2.ResourceSpec(type="web", cpu="1")])


def _object() -> pricing_pb2.CustomObject:
    return pricing_pb2.CustomObject(api_version=SITE["apiVersion"], kind=SITE["kind"], spec="{}")
