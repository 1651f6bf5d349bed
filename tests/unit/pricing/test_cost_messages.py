"""A cost becomes a message by way of a form that is used again and again, and comes back whole."""

import pytest

from services.pricing.convert.costs import kept_cost, to_proto_cost, written_price
from services.pricing.costing import (
    CommitmentRequest,
    Cost,
    DeploymentRequest,
    ResourceRequest,
)
from services.pricing.rates import Upfront
from tests.unit.pricing.rate_cards import cost_of
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

ONE = ResourceRequest("wordpress", "2", "4", "5", 2)
TWO = ResourceRequest("mysql", "500m", "4Gi", "0.5")


def cost(*resources: ResourceRequest, hours: str = "") -> Cost:
    return cost_of(DeploymentRequest(resources, duration_hours=hours, backup_plan="basic"))


@pytest.mark.parametrize("count", [1, 2, 5, 300])
def test_what_is_written_of_a_cost_is_read_back(count: int) -> None:
    priced = cost(*[ONE, TWO, ONE, TWO, ONE][:count], *[TWO] * (count - 5))
    assert kept_cost(to_proto_cost(priced)) == priced


def test_so_are_discounts_and_when_a_commitment_is_paid() -> None:
    commitment = CommitmentRequest(1, Upfront.NONE)
    priced = cost_of(DeploymentRequest([ONE], features=("ssl",), commitment=commitment))
    assert priced.discounts
    assert priced.schedule
    assert kept_cost(to_proto_cost(priced)) == priced


def test_a_form_that_is_used_again_tells_nothing_of_the_cost_before() -> None:
    first = to_proto_cost(cost(ONE, TWO, hours="100"))
    kept = first.SerializeToString(deterministic=True)
    second = to_proto_cost(cost(TWO, ResourceRequest("nothing"), hours="1"))
    assert first.SerializeToString(deterministic=True) == kept
    assert [one.type for one in second.resources] == ["mysql", "nothing"]
    assert second.resources[1].amount.minor_units == 0
    assert {part.amount.minor_units for part in second.resources[1].parts} == {0}


def test_rows_of_a_message_add_up_to_its_total() -> None:
    message = to_proto_cost(cost(ONE, TWO, hours="3.5"))
    assert sum(one.amount.minor_units for one in message.resources) == message.total.minor_units
    assert sum(one.amount.minor_units for one in message.components) == message.total.minor_units
    for resource in message.resources:
        parts = sum(part.monthly.minor_units for part in resource.parts)
        assert parts == resource.monthly.minor_units


def sent(priced: Cost) -> pricing_pb2.Cost:
    return pb.CalculatePriceResponse.FromString(written_price(priced)).cost


@pytest.mark.parametrize("count", [1, 2, 5, 300])
def test_an_answer_that_is_written_at_once_says_the_same(count: int) -> None:
    priced = cost(*[ONE, TWO, ONE, TWO, ONE][:count], *[TWO] * (count - 5))
    assert sent(priced) == to_proto_cost(priced)


def test_so_does_one_of_which_something_comes_off() -> None:
    commitment = CommitmentRequest(1, Upfront.ALL)
    priced = cost_of(DeploymentRequest([ONE], features=("ssl",), commitment=commitment))
    assert sent(priced) == to_proto_cost(priced)


def test_answers_written_after_each_other_say_nothing_of_each_other() -> None:
    costs = [
        cost(ResourceRequest(f"kind-{number}", str(number % 7), "1Gi"), TWO, hours=str(1 + number))
        for number in range(1100)
    ]
    # More texts than a form bears, and copies of it in between.
    for one, other in zip(costs, reversed(costs), strict=True):
        assert sent(one) == to_proto_cost(one)
        assert to_proto_cost(other).resources[0].type == other.columns.types[0]
