"""Recommendations over REST, and as they are asked for over gRPC."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc.aio
import pytest

from gateway.clients import GrpcCosts
from gateway.ports.costs import PageWish
from gateway.ports.recommendations import Recommendation, Sizes, SmallerPlan
from gateway.routes.costs.recommendations import RecommendationsAnswer
from services.chassis.channel import connect
from services.chassis.errors import FieldViolation, InvalidArgument, PermissionDenied
from tests.unit.gateway.scripted import Line, Script, scripted
from tests.unit.gateway.world import World
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb
from tollgate.pricing.v1.cost_service_pb2_grpc import (
    CostServiceServicer,
    add_CostServiceServicer_to_server,
)

PATH = "/api/tollgate/costs/recommendations"
PAID, USED, SMALL = Sizes("16", "56", "320"), Sizes("0.5", "2", "10"), Sizes("4", "8", "60")
SAVES = Recommendation(
    "ten_1",
    "acc_1",
    "",
    "acme",
    "kube-dc/scale-pool",
    "smaller-plan",
    168,
    PAID,
    USED,
    SmallerPlan("kube-dc/dev-pool", SMALL, "plan-price", "80", "eur", ("terms",)),
)
UNKNOWN = Recommendation(
    "ten_2", "acc_2", "uma", "", "kube-dc/dev-pool", "insufficient-data", 3, SMALL, None, None
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


async def test_what_is_said_of_each_tenant_is_answered_whole(world: World) -> None:
    world.costs.advice, world.costs.token = (SAVES, UNKNOWN), "more"
    url = f"{PATH}?organization=acme&onlySavings=true&pageSize=2"
    answer = await world.call("admin", "GET", url)
    assert answer.status_code == 200
    body = answer.json()
    RecommendationsAnswer.model_validate(body)
    assert world.costs.asked == [({"organization": "acme"}, PageWish(2, ""), True)]
    first, second = body["recommendations"]
    assert first["smaller"] == {
        "plan": "kube-dc/dev-pool",
        "sizes": {"cpu": "4", "memory": "8", "storage": "60"},
        "basis": "plan-price",
        "monthlySaving": "80",
        "currency": "EUR",
        "leftOut": ["terms"],
    }
    assert (second["outcome"], second["used"], second["smaller"]) == (
        "insufficient-data",
        None,
        None,
    )
    assert body["nextPageToken"] == "more"
    assert 'pageToken=more>; rel="next"' in answer.headers["link"]


async def test_refusals_name_what_the_client_sent(world: World) -> None:
    bad = [FieldViolation("filter.plan", "is wrong"), FieldViolation("page_token", "is old")]
    world.costs.refusal = InvalidArgument("wrong", fields=bad)
    wrong = await world.call("admin", "GET", PATH)
    world.costs.refusal = PermissionDenied("Not yours.", reason="NOT_YOURS")
    denied = await world.call("user", "GET", PATH)
    odd = await world.call("admin", "GET", f"{PATH}?onlySavings=perhaps")
    assert wrong.status_code == 400
    assert set(wrong.json()["fields"]) == {"plan", "pageToken"}
    assert denied.status_code == 403
    assert odd.status_code == 400


async def test_recommendations_are_asked_for_and_read(line: Line) -> None:
    line.script.answers["ListRecommendations"] = lambda _: pb.ListRecommendationsResponse(
        recommendations=[
            cost_pb2.Recommendation(
                tenant="ten_1",
                account="acc_1",
                organization="acme",
                plan="kube-dc/scale-pool",
                outcome=cost_pb2.Recommendation.OUTCOME_SMALLER_PLAN,
                paid=cost_pb2.ResourceSizes(cpu="16", memory="56", storage="320"),
                used=cost_pb2.ResourceSizes(cpu="0.5", memory="2", storage="10"),
                hours=168,
                smaller_plan="kube-dc/dev-pool",
                smaller=cost_pb2.ResourceSizes(cpu="4", memory="8", storage="60"),
                basis=cost_pb2.Recommendation.BASIS_PLAN_PRICE,
                monthly_saving="80",
                currency="eur",
                left_out=[cost_pb2.Recommendation.LEFT_OUT_TERMS],
            ),
            cost_pb2.Recommendation(tenant="ten_2"),
        ],
        next_page_token="more",
    )
    costs = GrpcCosts(line.channel)
    found = await costs.recommendations({"user": "ada"}, PageWish(5, "on"), only_savings=True)
    (request,) = line.script.asked
    assert request == pb.ListRecommendationsRequest(
        filter=cost_pb2.CostFilter(user="ada"), only_savings=True, page_size=5, page_token="on"
    )
    assert found.items[0] == SAVES
    # What a newer version of pricing says is said as such.
    other = found.items[1]
    assert (other.outcome, other.used, other.smaller) == ("other", None, None)
    assert found.next_token == "more"
