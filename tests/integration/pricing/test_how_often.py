"""How often one person may ask for prices, as both edges tell it (T10)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.errors import ResourceExhausted
from tests.integration.postgres_fixture import Database
from tests.integration.pricing.counter import Counter, open_counter
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

BODY = {"resources": [{"type": "web", "cpu": 1}]}
DEPLOYMENT = pricing_pb2.Deployment(resources=[pricing_pb2.ResourceSpec(type="web", cpu="1")])


@pytest.fixture
async def counter(database: Database, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(database, tmp_path, burst=5) as opened:
        yield opened


async def test_one_price_too_many_is_refused_to_that_person_with_the_time_to_wait(
    counter: Counter,
) -> None:
    # What a person asks by either edge is counted together.
    asked = pb.CalculatePriceRequest(deployment=DEPLOYMENT)
    for _ in range(3):
        await counter.ask("CalculatePrice", asked)
    for _ in range(2):
        assert (await counter.post("calculate-price", BODY)).status_code == 200
    answer = await counter.post("calculate-price", BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["code"] == "RATE_LIMITED"
    with pytest.raises(ResourceExhausted) as refused:
        await counter.ask("CalculatePrice", asked)
    assert refused.value.reason == "RATE_LIMITED"
    assert refused.value.retry_after == pytest.approx(1.0)
    # Others may, and so may this one when the time is over.
    assert (await counter.post("calculate-price", BODY, role="admin")).status_code == 200
    counter.clock.seconds += 1.0
    assert (await counter.post("calculate-price", BODY)).status_code == 200
    assert (await counter.post("calculate-price", BODY)).status_code == 429


async def test_what_is_refused_for_its_fields_counts_as_well(counter: Counter) -> None:
    for _ in range(5):
        wrong = await counter.post("calculate-price", BODY | {"region": "mars-1"})
        assert wrong.status_code == 400
    assert (await counter.post("calculate-price", BODY)).status_code == 429


async def test_a_comparison_and_an_object_count_as_prices(counter: Counter) -> None:
    # Of more places than prices may come at once: all that there were.
    assert (await counter.post("compare-prices", BODY)).status_code == 200
    for verb, body in (
        ("calculate-price", BODY),
        ("compare-prices", BODY),
        ("price-object", {"apiVersion": "apps.example.com/v1", "kind": "Database"}),
    ):
        assert (await counter.post(verb, body)).status_code == 429, verb
