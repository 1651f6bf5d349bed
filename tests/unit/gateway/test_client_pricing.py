"""Pricing as the gateway's port, over real gRPC with a server that answers what is set."""

from typing import Any

from google.protobuf.message import Message

from gateway.clients import GrpcPricing
from gateway.ports import (
    Commitment,
    Deployment,
    ResourceWish,
)
from services.chassis.money import Money
from tests.unit.gateway.scripted import MARCH, Line, line, stamp, usd
from tollgate.common.v1 import capacity_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as price

__all__ = ["line"]


async def test_a_deployment_is_priced_as_it_was_wished(line: Line) -> None:
    part = pricing_pb2.CostPart(component="cpu", amount=usd(10), monthly=usd(20))
    cost = pricing_pb2.Cost(
        total=usd(10),
        monthly=usd(20),
        resources=[
            pricing_pb2.ResourceCost(type="web", parts=[part], amount=usd(10), monthly=usd(20))
        ],
        components=[part],
        region="us-east-1",
    )
    line.script.answers["CreateQuote"] = lambda _: price.CreateQuoteResponse(
        quote=pricing_pb2.Quote(
            name="quo_1",
            expire_time=stamp(MARCH),
            payment_required=True,
            deployment=pricing_pb2.DeploymentQuote(cost=cost),
        )
    )
    wish = Deployment(
        [ResourceWish("web", "0.5", "4Gi", "5", 2)], "us-east-1", "720", "basic", ["ssl"]
    )
    quote = await GrpcPricing(line.channel).quote(wish, "k")
    assert (quote.name, quote.payment_required, quote.total) == ("quo_1", True, Money("usd", 10))
    assert quote.resources[0].parts[0].monthly == Money("usd", 20)
    assert (quote.expire_time, quote.region) == (MARCH, "us-east-1")
    (asked,) = line.script.asked
    (resource,) = asked.deployment.resources
    assert (resource.cpu, resource.memory, resource.storage) == ("0.5", "4Gi", "5")
    assert (asked.deployment.duration_hours, asked.deployment.backup_plan) == ("720", "basic")
    assert (asked.owner, asked.request_id, list(asked.deployment.features)) == ("", "k", ["ssl"])


async def test_what_comes_off_and_when_it_is_paid_is_read(line: Line) -> None:
    cost = pricing_pb2.Cost(
        total=usd(90),
        monthly=usd(80),
        region="us-east-1",
        cloud="own",
        discounts=[
            pricing_pb2.Discount(
                kind=pricing_pb2.Discount.KIND_COMMITMENT,
                name="1-year-partial",
                amount=usd(-10),
                monthly=usd(-9),
            )
        ],
        schedule=pricing_pb2.PaymentSchedule(upfront=usd(45), instalments=[usd(30), usd(15)]),
        tax=pricing_pb2.TAX_TREATMENT_ADDED_BY_PROVIDER,
    )
    line.script.answers["CalculatePrice"] = lambda _: price.CalculatePriceResponse(cost=cost)
    wish = Deployment(
        [ResourceWish("web")], cloud="own", commitment=Commitment(1, "partial"), coupon="C"
    )
    told = await GrpcPricing(line.channel).price(wish)
    (discount,) = told.discounts
    assert (discount.kind, discount.name) == ("commitment", "1-year-partial")
    assert (discount.amount, discount.monthly) == (Money("usd", -10), Money("usd", -9))
    assert told.schedule is not None
    assert told.schedule.upfront == Money("usd", 45)
    assert [one.minor_units for one in told.schedule.instalments] == [30, 15]
    assert (told.cloud, told.taxed_by_provider) == ("own", True)
    (asked,) = line.script.asked
    assert (asked.deployment.cloud, asked.deployment.coupon) == ("own", "C")
    assert asked.deployment.commitment.years == 1
    assert asked.deployment.commitment.upfront == pricing_pb2.Commitment.UPFRONT_PARTIAL


async def test_a_comparison_is_asked_and_read_place_by_place(line: Line) -> None:
    line.script.answers["ComparePrices"] = lambda _: price.ComparePricesResponse(
        offers=[
            pricing_pb2.Offer(
                cloud="own", region="a", cost=pricing_pb2.Cost(total=usd(9), monthly=usd(9))
            ),
            pricing_pb2.Offer(cloud="metro", region="b", missing="no ssl"),
        ]
    )
    wish = Deployment([ResourceWish("web")], commitment=Commitment(1, "whatever"))
    first, last = await GrpcPricing(line.channel).compare(wish, ["own", "metro"], ["a"])
    assert first.cost is not None
    assert (first.cloud, first.region, first.cost.total) == ("own", "a", Money("usd", 9))
    assert (last.cost, last.missing) == (None, "no ssl")
    (asked,) = line.script.asked
    assert (list(asked.clouds), list(asked.regions)) == (["own", "metro"], ["a"])
    # A word that is none of them is for pricing to refuse.
    assert asked.deployment.commitment.upfront == pricing_pb2.Commitment.UPFRONT_UNSPECIFIED


async def test_plans_and_addons_are_read_page_by_page(line: Line) -> None:
    capacity = capacity_pb2.Capacity(
        organization=capacity_pb2.OrganizationCapacity(quota={"cpu": "8"}, object_storage_gb=100)
    )
    monthly = pricing_pb2.Price(amount=usd(900), interval=pricing_pb2.INTERVAL_MONTH)
    yearly = pricing_pb2.Price(amount=usd(9000), interval=pricing_pb2.INTERVAL_YEAR)

    def plans(request: Any) -> Message:
        plan = pricing_pb2.Plan(
            name=f"kube-dc/p{request.page_token}", prices=[yearly, monthly], provisions=capacity
        )
        token = "" if request.page_token else "2"
        return price.ListPlansResponse(plans=[plan], next_page_token=token)

    line.script.answers |= {
        "ListPlans": plans,
        "ListAddons": lambda _: price.ListAddonsResponse(
            addons=[pricing_pb2.Addon(name="kube-dc/t", adds={"cpu": "2"})]
        ),
        "ExpandCapacity": lambda _: price.ExpandCapacityResponse(capacity=capacity),
    }
    client = GrpcPricing(line.channel)
    found = await client.plans("kube-dc")
    assert [plan.name for plan in found] == ["kube-dc/p", "kube-dc/p2"]
    assert (found[0].monthly, found[0].quota) == (Money("usd", 900), {"cpu": "8"})
    assert (found[0].object_storage_gb, found[0].public_ips) == (100, None)
    (addon,) = await client.addons("kube-dc")
    assert (addon.monthly, addon.quota) == (None, {"cpu": "2"})
    assert await client.capacity("kube-dc/p", (), "v1") == {"cpu": "8"}
