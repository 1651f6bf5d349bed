"""The gateway's ports over real gRPC, against servers that answer what a test sets."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.clients import GrpcPricing, GrpcProvisioner, GrpcSubscription
from gateway.ports import (
    AccountKind,
    AddonQuantity,
    Change,
    Commitment,
    Deployment,
    Interval,
    Purchase,
    QuotaBackend,
    Requirement,
    ResourceWish,
    State,
)
from services.chassis.channel import Channel, connect
from services.chassis.errors import FailedPrecondition, NotFound, Refusal, Unavailable
from services.chassis.money import Money
from services.chassis.status import DETAILS_KEY, to_status
from tollgate.common.v1 import capacity_pb2, money_pb2
from tollgate.pricing.v1 import pricing_pb2, pricing_service_pb2, pricing_service_pb2_grpc
from tollgate.provisioner.v1 import (
    provisioner_pb2,
    provisioner_service_pb2,
    provisioner_service_pb2_grpc,
)
from tollgate.subscription.v1 import (
    subscription_pb2,
    subscription_service_pb2,
    subscription_service_pb2_grpc,
)

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
sub, prov, price = (
    subscription_service_pb2,
    provisioner_service_pb2,
    pricing_service_pb2,
)


@dataclass
class Script:
    """Answers each method as the test says, and remembers what was asked."""

    answers: dict[str, Callable[[Any], Message]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    async def answer(self, method: str, request: Any, context: Any) -> Message:
        self.asked.append(request)
        try:
            return self.answers[method](request)
        except Refusal as refusal:
            status = to_status(refusal)
            details = ((DETAILS_KEY, status.SerializeToString()),)
            code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
            await context.abort(code, status.message, details)
            raise


def scripted(base: type, script: Script) -> Any:
    """Return a servicer of a contract whose every method asks the script."""

    def method(name: str) -> Any:
        async def answer(self: object, request: Any, context: Any) -> Message:
            return await script.answer(name, request, context)

        return answer

    names = [name for name in vars(base) if name[0].isupper()]
    return type("Scripted", (base,), {name: method(name) for name in names})()


@dataclass
class Line:
    script: Script
    channel: Channel


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    script, server = Script(), grpc.aio.server()
    pricing_service_pb2_grpc.add_PricingServiceServicer_to_server(
        scripted(pricing_service_pb2_grpc.PricingServiceServicer, script), server
    )
    subscription_service_pb2_grpc.add_SubscriptionServiceServicer_to_server(
        scripted(subscription_service_pb2_grpc.SubscriptionServiceServicer, script), server
    )
    provisioner_service_pb2_grpc.add_ProvisionerServiceServicer_to_server(
        scripted(provisioner_service_pb2_grpc.ProvisionerServiceServicer, script), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, None)
        channel = connect(f"127.0.0.1:{port}", server_name="any", tls=None, attempts=1)
        stack.push_async_callback(channel.close)
        yield Line(script, channel)


def stamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


def usd(cents: int) -> money_pb2.Money:
    return money_pb2.Money(currency="usd", minor_units=cents)


def proto_held(name: str = "tsub_1", state: int = subscription_pb2.STATE_ACTIVE) -> Any:
    held = subscription_pb2.Subscription(
        name=name,
        plan="kube-dc/pro-pool",
        plan_display_name="Pro Pool",
        catalog_version="v1",
        addons=[pricing_pb2.AddonQuantity(addon="kube-dc/turbo-x1", quantity=2)],
        provider_subscription_id="sub_1",
        provider_customer_id="cus_1",
        create_time=stamp(MARCH),
        begin_time=stamp(MARCH),
    )
    held.state = state  # type: ignore[assignment]  # also numbers that no version knows yet
    return held


async def test_every_page_of_a_list_is_read(line: Line) -> None:
    def answer(request: Any) -> Message:
        place = int(request.page_token or 0)
        token = str(place + 1) if place < 2 else ""
        held = [proto_held(f"tsub_{place}")]
        return sub.ListSubscriptionsResponse(subscriptions=held, next_page_token=token)

    line.script.answers["ListSubscriptions"] = answer
    found = await GrpcSubscription(line.channel).subscriptions("acc_1")
    assert [held.name for held in found] == ["tsub_0", "tsub_1", "tsub_2"]
    assert {request.account for request in line.script.asked} == {"acc_1"}


async def test_an_account_is_looked_for_until_it_is_found(line: Line) -> None:
    kinds = subscription_pb2.Account

    def answer(request: Any) -> Message:
        place = int(request.page_token or 0)
        kind = (kinds.KIND_USER, kinds.KIND_ORGANIZATION, kinds.KIND_USER)[place]
        account = kinds(name=f"acc_{place}", kind=kind, external_id="acme")
        token = str(place + 1) if place < 2 else ""
        return sub.ListAccountsResponse(accounts=[account], next_page_token=token)

    line.script.answers["ListAccounts"] = answer
    client = GrpcSubscription(line.channel)
    assert await client.find_account(AccountKind.ORGANIZATION, "acme") == "acc_1"
    assert len(line.script.asked) == 2
    assert await client.find_account(AccountKind.ORGANIZATION, "nobody") == ""


async def test_a_subscription_is_read_with_what_is_set_of_it(line: Line) -> None:
    line.script.answers["ListSubscriptions"] = lambda _: sub.ListSubscriptionsResponse(
        subscriptions=[proto_held()]
    )
    (held,) = await GrpcSubscription(line.channel).subscriptions("acc_1")
    assert (held.state, held.begin_time, held.suspend_time) == (State.ACTIVE, MARCH, None)
    assert held.addons == (AddonQuantity("kube-dc/turbo-x1", 2),)
    assert (held.provider_subscription_id, held.provider_customer_id) == ("sub_1", "cus_1")


async def test_a_subscription_that_was_given_by_hand_is_read_as_such(line: Line) -> None:
    given = proto_held()
    given.assignment.actor = "root"
    line.script.answers["ListSubscriptions"] = lambda _: sub.ListSubscriptionsResponse(
        subscriptions=[proto_held(), given]
    )
    found = await GrpcSubscription(line.channel).subscriptions("acc_1")
    assert [held.assigned for held in found] == [False, True]


async def test_a_state_of_a_newer_version_is_not_guessed(line: Line) -> None:
    line.script.answers["ListSubscriptions"] = lambda _: sub.ListSubscriptionsResponse(
        subscriptions=[proto_held(state=99)]
    )
    with pytest.raises(Unavailable):
        await GrpcSubscription(line.channel).subscriptions("acc_1")


async def test_a_purchase_is_asked_for_as_it_was_wished(line: Line) -> None:
    line.script.answers["CreateSubscription"] = lambda _: sub.CreateSubscriptionResponse(
        purchasing=subscription_pb2.Purchasing(
            quote="quo_1", checkout_id="cs_1", url="https://pay", expire_time=stamp(MARCH)
        )
    )
    addons = [AddonQuantity("kube-dc/turbo-x1", 2)]
    purchase = Purchase(
        "acc_1", "kube-dc/pro-pool", addons, "eur", Interval.YEAR, "P", True, "s", "c", "k"
    )
    page = await GrpcSubscription(line.channel).buy(purchase)
    assert (page.quote, page.checkout_id, page.url) == ("quo_1", "cs_1", "https://pay")
    assert page.expire_time == MARCH
    (asked,) = line.script.asked
    assert (asked.plan, asked.interval) == ("kube-dc/pro-pool", pricing_pb2.INTERVAL_YEAR)
    assert (asked.promotion_code, asked.trial, asked.request_id) == ("P", True, "k")
    assert (asked.success_url, asked.cancel_url, asked.addons[0].quantity) == ("s", "c", 2)


async def test_a_change_keeps_the_addons_unless_it_names_some(line: Line) -> None:
    line.script.answers["UpdateSubscription"] = lambda _: sub.UpdateSubscriptionResponse(
        subscription=proto_held()
    )
    client = GrpcSubscription(line.channel)
    await client.change(Change("tsub_1", plan="kube-dc/dev-pool", request_id="k"))
    await client.change(Change("tsub_1", addons=(), validate_only=True))
    kept, emptied = line.script.asked
    assert (kept.plan, kept.replace_addons, kept.validate_only) == (
        "kube-dc/dev-pool",
        False,
        False,
    )
    assert (emptied.plan, emptied.replace_addons, emptied.validate_only) == ("", True, True)


async def test_an_end_is_at_the_period_unless_it_is_now(line: Line) -> None:
    line.script.answers["CancelSubscription"] = lambda _: sub.CancelSubscriptionResponse(
        subscription=proto_held(state=subscription_pb2.STATE_CANCELING)
    )
    client = GrpcSubscription(line.channel)
    held = await client.cancel("tsub_1", now=False, request_id="k")
    await client.cancel("tsub_1", now=True, request_id="")
    modes = sub.CancelSubscriptionRequest
    assert held.state is State.CANCELING
    assert [one.mode for one in line.script.asked] == [modes.MODE_AT_PERIOD_END, modes.MODE_NOW]


async def test_an_account_a_checkout_and_a_portal_are_asked_for_by_name(line: Line) -> None:
    line.script.answers |= {
        "CreateAccount": lambda _: sub.CreateAccountResponse(
            account=subscription_pb2.Account(name="acc_1")
        ),
        "VerifyCheckout": lambda _: sub.VerifyCheckoutResponse(
            verified=True, state=subscription_pb2.STATE_INCOMPLETE
        ),
        "CreatePortalSession": lambda _: sub.CreatePortalSessionResponse(url="https://p"),
    }
    client = GrpcSubscription(line.channel)
    account = await client.ensure_account(AccountKind.ORGANIZATION, "acme", "a@b.example")
    verified = await client.verify(account, "cs_1")
    assert (account, verified.verified, verified.state) == ("acc_1", True, State.INCOMPLETE)
    assert await client.portal(account, "https://back") == "https://p"
    made, asked, opened = line.script.asked
    assert made.kind == subscription_pb2.Account.KIND_ORGANIZATION
    assert (made.external_id, made.email) == ("acme", "a@b.example")
    assert (asked.account, asked.checkout_id) == ("acc_1", "cs_1")
    assert (opened.account, opened.return_url) == ("acc_1", "https://back")


async def test_an_entitlement_is_read_with_what_would_satisfy(line: Line) -> None:
    upgrade = subscription_pb2.Upgrade(
        plan="scaffolder/premium",
        display_name="Premium",
        tier="premium",
        price=pricing_pb2.Price(amount=usd(2900), interval=pricing_pb2.INTERVAL_MONTH),
    )
    line.script.answers["ValidateSubscription"] = lambda _: sub.ValidateSubscriptionResponse(
        valid=False,
        entitlement=subscription_pb2.Entitlement(tier="basic", features=["a"]),
        reason="TIER_TOO_LOW",
        message="more",
        missing_features=["b"],
        upgrade=upgrade,
    )
    client = GrpcSubscription(line.channel)
    held = await client.entitlement(Requirement("", "premium", ["a", "b"], "scaffolder"))
    assert (held.valid, held.tier, held.state, held.next_billing_time) == (
        False,
        "basic",
        None,
        None,
    )
    assert held.upgrade is not None
    assert held.upgrade.price is not None
    assert (held.upgrade.price.amount, held.upgrade.price.interval) == (
        Money("usd", 2900),
        Interval.MONTH,
    )
    (asked,) = line.script.asked
    assert (asked.required_tier, list(asked.required_features)) == ("premium", ["a", "b"])
    assert asked.catalog == "scaffolder"


async def test_an_organization_that_the_cluster_does_not_know_has_no_quota(line: Line) -> None:
    client = GrpcProvisioner(line.channel)
    for refusal in (
        NotFound("no", reason="ORGANIZATION_NOT_FOUND"),
        FailedPrecondition("no", reason="ORGANIZATIONS_NOT_SERVED"),
    ):

        def answer(_: Any, refusal: Refusal = refusal) -> Message:
            raise refusal

        line.script.answers["GetOrganizationQuota"] = answer
        assert await client.quota("acme") is None


async def test_a_quota_that_cannot_be_told_is_no_empty_quota(line: Line) -> None:
    def away(_: Any) -> Message:
        raise Unavailable("not heard of yet")

    line.script.answers["GetOrganizationQuota"] = away
    with pytest.raises(Unavailable):
        await GrpcProvisioner(line.channel).quota("acme")


async def test_a_quota_is_read_with_its_projects(line: Line) -> None:
    line.script.answers["GetOrganizationQuota"] = lambda _: prov.GetOrganizationQuotaResponse(
        quota=provisioner_pb2.OrganizationQuota(
            organization="acme",
            backend=provisioner_pb2.OrganizationQuota.BACKEND_NATIVE,
            limits={"cpu": "8"},
            used={"cpu": "1"},
            hard={"requests.cpu": "8300m"},
            public_ips_used=2,
            enforced=True,
            projects=[provisioner_pb2.Project(namespace="acme-web", project="web")],
        )
    )
    quota = await GrpcProvisioner(line.channel).quota("acme")
    assert quota is not None
    assert (quota.backend, quota.limits, quota.used) == (
        QuotaBackend.NATIVE,
        {"cpu": "8"},
        {"cpu": "1"},
    )
    assert (quota.public_ips_used, quota.public_ips_limit) == (2, None)
    assert [(one.namespace, one.name) for one in quota.projects] == [("acme-web", "web")]


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
