"""Where catalogs come from, over REST, and as it is asked for over gRPC."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import grpc.aio
import pytest

from gateway.clients import GrpcPricing
from gateway.ports.sources import CatalogSource
from gateway.routes.sources import SourcesAnswer
from services.chassis.channel import connect
from services.chassis.errors import PermissionDenied
from tests.unit.gateway.scripted import Line, Script, scripted
from tests.unit.gateway.world import World
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import (
    PricingServiceServicer,
    add_PricingServiceServicer_to_server,
)

PATH = "/api/tollgate/catalog-sources"
PLANS = CatalogSource("kube-dc/billing-plans", True, 7, 120, "kube-dc", "v1", ("line 3: odd",))
NEVER = replace(PLANS, source="kube-dc/other", catalog="", version="", problems=())


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    script, server = Script(), grpc.aio.server()
    add_PricingServiceServicer_to_server(scripted(PricingServiceServicer, script), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, None)
        channel = connect(f"127.0.0.1:{port}", server_name="any", tls=None, attempts=1)
        stack.push_async_callback(channel.close)
        yield Line(script, channel)


async def test_each_source_is_answered_with_what_is_wrong_with_it(world: World) -> None:
    world.pricing.told_by = (PLANS, NEVER)
    answer = await world.call("admin", "GET", PATH)
    SourcesAnswer.model_validate_json(answer.text)
    first, second = answer.json()["sources"]
    assert first == {
        "source": "kube-dc/billing-plans",
        "stands": True,
        "revision": 7,
        "textBytes": 120,
        "catalog": "kube-dc",
        "version": "v1",
        "problems": ["line 3: odd"],
    }
    assert (second["catalog"], second["version"], second["problems"]) == (None, None, [])


async def test_who_is_no_operator_is_refused(world: World) -> None:
    world.pricing.refusal = PermissionDenied("Only operators.", reason="ROLE_NOT_ALLOWED")
    assert (await world.call("user", "GET", PATH)).status_code == 403
    assert (await world.call("", "GET", PATH)).status_code == 401


async def test_all_pages_of_sources_are_read(line: Line) -> None:
    message = pb.CatalogSource(
        source=PLANS.source,
        stands=True,
        revision=7,
        text_bytes=120,
        catalog="kube-dc",
        catalog_version="v1",
        problems=["line 3: odd"],
    )

    def answer(request: pb.ListCatalogSourcesRequest) -> pb.ListCatalogSourcesResponse:
        if request.page_token:
            return pb.ListCatalogSourcesResponse(sources=[message])
        return pb.ListCatalogSourcesResponse(sources=[message], next_page_token="more")

    line.script.answers["ListCatalogSources"] = answer
    assert await GrpcPricing(line.channel).catalog_sources() == [PLANS, PLANS]
