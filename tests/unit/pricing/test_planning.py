"""``tollgate-catalog plan`` against pricing's own servicer over gRPC, and what it asks others."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from services.chassis.config import Env
from services.chassis.ids import RandomIds
from services.pricing import usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.clients import GrpcHoldings
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.servicer import PricingServicer
from services.pricing.tool.commands import Streams, run
from services.pricing.usecases import VersionDesk
from services.pricing.versions import Holding
from tests.fakes.pricing import MemoryPricingTransactions
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as sub

KUBE_DC = Path("deploy/catalogs/kube-dc.yaml")
TEXT = KUBE_DC.read_text()
CATALOG = parse_catalog(TEXT, "kube-dc.yaml")
CARD = parse_rate_card(Path("deploy/rates/default.yaml").read_text(), "rates.yaml")
_LIST = "/tollgate.subscription.v1.SubscriptionService/ListSubscriptions"


def subscription(
    number: int, state: int = subscription_pb2.STATE_ACTIVE
) -> subscription_pb2.Subscription:
    return subscription_pb2.Subscription(
        name=f"tsub_{number}",
        account=f"acc_{number}",
        plan="kube-dc/pro-pool",
        catalog_version=CATALOG.version,
        state=state,  # type: ignore[arg-type]  # the number of a state
        addons=[pricing_pb2.AddonQuantity(addon="kube-dc/turbo-x1", quantity=1)],
    )


class Subscriptions(grpc.GenericRpcHandler):
    """Subscription's list, two to a page."""

    def __init__(self, *found: object) -> None:
        self._found = found
        self.pages = 0

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        if details.method != _LIST:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._list,
            request_deserializer=sub.ListSubscriptionsRequest.FromString,
            response_serializer=sub.ListSubscriptionsResponse.SerializeToString,
        )

    async def _list(
        self, request: sub.ListSubscriptionsRequest, _: object
    ) -> sub.ListSubscriptionsResponse:
        self.pages += 1
        begin = int(request.page_token or 0)
        more = str(begin + 2) if begin + 2 < len(self._found) else ""
        page = list(self._found[begin : begin + 2])
        return sub.ListSubscriptionsResponse(subscriptions=page, next_page_token=more)  # type: ignore[arg-type]  # made above


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    made = grpc.aio.server()
    yield made
    await made.stop(None)


async def test_all_that_is_not_over_is_read_page_by_page(server: grpc.aio.Server) -> None:
    over = subscription(9, subscription_pb2.STATE_CANCELED)
    told = Subscriptions(subscription(1), over, subscription(2), subscription(3))
    server.add_generic_rpc_handlers((told,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        found = await GrpcHoldings(channel).held(100)
        addons = (("kube-dc/turbo-x1", 1),)
        assert found == [
            Holding(f"tsub_{n}", f"acc_{n}", "kube-dc/pro-pool", CATALOG.version, addons)
            for n in (1, 2, 3)
        ]
        told.pages = 0
        assert len(await GrpcHoldings(channel).held(1)) == 1
        assert told.pages == 1


@pytest.mark.parametrize(
    ("days", "interval"),
    [(28, "month"), (30, "month"), (31, "month"), (365, "year"), (366, "year"), (14, None)],
)
async def test_a_period_says_how_often_a_subscription_is_billed_and_a_trial_does_not(
    server: grpc.aio.Server, days: int, interval: str | None
) -> None:
    found = []
    for state in (subscription_pb2.STATE_ACTIVE, subscription_pb2.STATE_TRIALING):
        one = subscription(1, state)
        one.provider, one.provider_subscription_id = "stripe", "sub_1"
        one.period_start.seconds, one.period_end.seconds = 1_000, 1_000 + days * 86_400 - 3_600
        found.append(one)
    once = subscription(2)
    once.provider = "stripe"
    server.add_generic_rpc_handlers((Subscriptions(*found, once),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        held = await GrpcHoldings(channel).held(100)
    assert [one.interval for one in held] == [interval, None, "once"]


class Holdings:
    """Three subscriptions of one plan."""

    async def held(self, most: int) -> list[Holding]:
        return [
            Holding(f"tsub_{n}", f"acc_{n}", "kube-dc/pro-pool", CATALOG.version) for n in range(3)
        ]


@pytest.fixture
async def target(server: grpc.aio.Server) -> str:
    tx = MemoryPricingTransactions()
    await usecases.activate_rate_card(tx, CARD, edited=False)
    await usecases.activate(tx, CATALOG, edited=False)
    servicer = PricingServicer(tx, RandomIds(), versions=VersionDesk(tx, Holdings()))
    add_PricingServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return f"127.0.0.1:{port}"


async def told(target: str, text: str, *more: str) -> tuple[int, str, str]:
    """Run the command in a thread, as a process of its own would."""
    out, err = io.StringIO(), io.StringIO()
    arguments = ["plan", "-", "--target", target, *more]
    streams = Streams(io.StringIO(text), out, err)
    env = Env({"TOLLGATE_TOKEN": "token"})
    code = await asyncio.to_thread(run, arguments, env, streams)
    return code, out.getvalue(), err.getvalue()


async def test_what_would_be_touched_is_said_with_its_sums(target: str) -> None:
    dearer = TEXT.replace('amount: "49.00"', 'amount: "59.00"')
    code, out, err = await told(target, dearer, "--most", "2")
    assert code == 1
    lines = out.splitlines()
    assert lines[1] == (
        "3 subscriptions of which the price differs: 147.00 EUR -> 177.00 EUR a month (+30.00 EUR)"
    )
    assert lines[2] == (
        "subscription tsub_0 of acc_0: 49.00 EUR -> 59.00 EUR a month (+10.00 EUR), "
        "once it is bought anew"
    )
    assert lines[-1] == "and 1 more (--most)"
    assert err == ""


async def test_machines_are_answered_with_all_pages(target: str) -> None:
    dearer = TEXT.replace('amount: "49.00"', 'amount: "59.00"')
    code, out, _ = await told(target, dearer, "--json")
    answer = json.loads(out)
    assert code == 1
    assert answer["effectCount"] == len(answer["effects"]) == 3
    assert answer["effects"][0]["before"] == "49.00"
    assert answer["effects"][0]["currency"] == "eur"
    assert answer["activeVersion"] == CATALOG.version


async def test_the_same_content_is_said_to_be_in_force(target: str) -> None:
    assert await told(target, TEXT) == (0, "This version is in force already.\n", "")


async def test_pricing_that_is_away_ends_with_two_and_is_told() -> None:
    code, out, err = await told("127.0.0.1:1", TEXT)
    assert (code, out) == (2, "")
    assert err.startswith("UNAVAILABLE: ")


def test_a_file_or_a_token_that_cannot_be_read_ends_with_two(tmp_path: Path) -> None:
    for env, file in (({}, str(tmp_path / "none")), ({"TOLLGATE_TOKEN_FILE": "/none"}, "-")):
        streams = Streams(io.StringIO(TEXT), io.StringIO(), io.StringIO())
        assert run(["plan", file], Env(env), streams) == 2


async def test_a_rate_card_is_told_apart_and_what_is_not_known_is_said(target: str) -> None:
    rates = Path("deploy/rates/default.yaml")
    text = (await asyncio.to_thread(rates.read_text)).replace('"0.048"', '"0.058"')
    code, out, err = await told(target, text, "--rate-card")
    assert code == 1
    assert "Nothing that is known would be touched." in out
    assert "not known: budgets: costs are not kept here" in err
