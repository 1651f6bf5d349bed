"""Document 000's tables and its example, to the cent, over gRPC and over REST."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.postgres_fixture import Database
from tests.integration.pricing.counter import Counter, open_counter
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

RESOURCE_PRICES = (
    ("cpu", "0.048", "hour"),
    ("memory", "0.0067", "hour"),
    ("storage", "0.10", "month"),
)
REGIONS = (
    ("us-east-1", "1.0"),
    ("us-west-2", "1.05"),
    ("eu-west-1", "1.15"),
    ("ap-southeast-1", "1.20"),
)
BACKUPS = (("none", "0"), ("basic", "0.05"), ("premium", "0.15"))
FEATURES = (("monitoring", "10"), ("logging", "15"), ("ssl", "10"), ("load-balancer", "25"))
SIZES = ("cpu", "memory", "storage")


@pytest.fixture
async def counter(database: Database, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(database, tmp_path) as opened:
        yield opened


async def over_rest(counter: Counter, body: object) -> Mapping[str, Any]:
    """Return what REST answers, its numbers as they are written."""
    answer = await counter.post("calculate-price", body)
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = json.loads(answer.text, parse_float=Decimal)
    return found


async def over_both(
    counter: Counter,
    resources: Sequence[Mapping[str, Any]],
    *,
    duration: int = 730,
    region: str = "",
    backup: str = "",
    features: Sequence[str] = (),
) -> Decimal:
    """Return the total in dollars, which is the same over gRPC and over REST."""
    told = await over_rest(
        counter,
        {
            "resources": resources,
            "duration": duration,
            "region": region,
            "backupPlan": backup,
            "additionalFeatures": features,
        },
    )
    deployment = pricing_pb2.Deployment(
        resources=[
            pricing_pb2.ResourceSpec(
                type=one["type"],
                replicas=one.get("replicas", 0),
                **{name: str(one.get(name, "")) for name in SIZES},
            )
            for one in resources
        ],
        duration_hours=str(duration),
        region=region,
        backup_plan=backup,
        features=features,
    )
    asked = pb.CalculatePriceRequest(deployment=deployment)
    cost = (await counter.ask("CalculatePrice", asked)).cost
    assert told["totalCost"] == Decimal(cost.total.minor_units) / 100
    assert told["monthlyCost"] == Decimal(cost.monthly.minor_units) / 100
    total: Decimal = told["totalCost"]
    return total


async def test_the_wordpress_of_the_document_costs_what_the_document_says(counter: Counter) -> None:
    body = {
        "resources": [{"type": "wordpress", "cpu": 2, "memory": 4, "storage": 5, "replicas": 2}],
        "region": "us-east-1",
        "duration": 720,
        "backupPlan": "basic",
    }
    told = await over_rest(counter, body)
    parts = {
        "cpu": Decimal("138.24"),
        "memory": Decimal("38.59"),
        "storage": Decimal("0.99"),
        "backup": Decimal("8.89"),
    }
    assert (told["totalCost"], told["monthlyCost"]) == (Decimal("186.71"), Decimal("189.30"))
    assert (told["currency"], told["region"]) == ("USD", "us-east-1")
    assert told["breakdown"]["components"] == parts
    assert told["breakdown"]["resources"] == [
        {
            "type": "wordpress",
            "cost": Decimal("186.71"),
            "monthlyCost": Decimal("189.30"),
            "components": parts,
        }
    ]
    # Above 100 dollars, which no client says: rule 17.
    assert told["requiresPayment"] is True
    total = await over_both(counter, body["resources"], duration=720, backup="basic")  # type: ignore[arg-type]  # of a body
    assert total == Decimal("186.71")


@pytest.mark.parametrize("resource", RESOURCE_PRICES, ids=lambda row: row[0])
async def test_the_table_of_resource_prices(
    counter: Counter, resource: tuple[str, str, str]
) -> None:
    name, price, per = resource
    total = await over_both(counter, [{"type": "one", name: 100}], duration=730)
    assert total == 100 * Decimal(price) * (730 if per == "hour" else 1)
    half = await over_both(counter, [{"type": "one", name: 100}], duration=365)
    assert half == total / 2


async def test_the_table_of_regional_multipliers(counter: Counter) -> None:
    asked = [{"type": "one", "cpu": 10}]
    for region, multiplier in REGIONS:
        total = await over_both(counter, asked, region=region)
        assert total == Decimal("350.40") * Decimal(multiplier), region


async def test_the_table_of_additional_features_by_backup_plan(counter: Counter) -> None:
    asked = [{"type": "one", "storage": 1000, "replicas": 2}]
    for plan, share in BACKUPS:
        assert await over_both(counter, asked, backup=plan) == 200 * (1 + Decimal(share)), plan


async def test_the_table_of_additional_features_by_feature(counter: Counter) -> None:
    nothing = [{"type": "one"}]
    for feature, price in FEATURES:
        # A month each, the same in every region, and prorated.
        dear = await over_both(counter, nothing, features=[feature], region="ap-southeast-1")
        assert dear == Decimal(price), feature
        half = await over_both(counter, nothing, features=[feature], duration=365)
        assert half == Decimal(price) / 2, feature
    every = [feature for feature, _ in FEATURES]
    assert await over_both(counter, nothing, features=every) == 60


async def test_the_actions_own_table_of_outputs_is_what_is_answered(counter: Counter) -> None:
    told = await over_rest(counter, {"resources": [{"type": "one", "cpu": 1}]})
    assert {"totalCost", "monthlyCost", "breakdown", "currency", "region"} <= set(told)
    # What was left out is the rate card's: its region, a month, and no backup.
    assert (told["region"], told["totalCost"]) == ("us-east-1", Decimal("35.04"))
    assert told["totalCost"] == told["monthlyCost"]


async def test_amounts_have_two_decimals_however_round_they_are(counter: Counter) -> None:
    body = {"resources": [{"type": "one", "storage": 1000}], "additionalFeatures": ["ssl"]}
    answer = await counter.post("calculate-price", body)
    assert '"totalCost":110.00,"monthlyCost":110.00' in answer.text
    assert '"components":{"cpu":0.00,"memory":0.00,"storage":100.00,"ssl":10.00}' in answer.text


@pytest.mark.parametrize(
    ("kind", "month", "paid"),
    [
        ("wordpress", 101, True),
        ("wordpress", 100, False),
        ("webapp", 51, True),
        ("webapp", 50, False),
    ],
)
async def test_above_the_thresholds_of_the_templates_payment_is_required(
    counter: Counter, kind: str, month: int, paid: bool
) -> None:
    # So many dollars a month, and one hour of it: the greater of the two counts.
    asked = {"resources": [{"type": kind, "storage": month * 10}], "duration": 1}
    assert (await over_rest(counter, asked))["requiresPayment"] is paid
    # No client says it.
    told = await over_rest(counter, asked | {"requiresPayment": not paid, "threshold": 10**6})
    assert told["requiresPayment"] is paid
