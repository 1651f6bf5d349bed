"""A subscription refreshed and refunded through the real process, at the provider's sandbox."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from tests.integration.payments.stack import Stack
from tests.integration.payments.test_purchases import ACCOUNT, bought
from tollgate.payments.v1 import events_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub

if TYPE_CHECKING:
    from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceAsyncStub

ACTIVE = events_pb2.ProviderSubscription.STATUS_ACTIVE
CANCELED = events_pb2.ProviderSubscription.STATUS_CANCELED
MONTH = timedelta(days=32)


@pytest.fixture
async def seller(stack: Stack) -> "PaymentsServiceAsyncStub":
    process = await stack.launch()
    await process.logged("The provider's key is verified.")
    return stack.seller(process)


async def subscribed(stack: Stack, seller: "PaymentsServiceAsyncStub") -> str:
    paid = await bought(stack, seller, await stack.price(4900))
    await stack.consumer.wait_for(
        lambda _facts: bool(stack.consumer.of_type("ProviderSubscription"))
    )
    return paid.provider_subscription_id


def give_back(name: str, since: datetime, request_id: str = "f1") -> pb.RefundSubscriptionRequest:
    at = Timestamp()
    at.FromDatetime(since)
    return pb.RefundSubscriptionRequest(
        account=ACCOUNT,
        provider_subscription_id=name,
        paid_since=at,
        reason="RIVAL_SUBSCRIPTION",
        request_id=request_id,
    )


def seen(answer: pb.RefreshSubscriptionResponse) -> events_pb2.ProviderSubscription:
    assert answer.fact.type == "tollgate.payments.v1.ProviderSubscription"
    return events_pb2.ProviderSubscription.FromString(answer.fact.payload)


async def test_a_refresh_shows_what_no_webhook_has_told_yet_and_tells_it(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    name = await subscribed(stack, seller)
    request = pb.RefreshSubscriptionRequest(provider_subscription_id=name)
    before = await seller.RefreshSubscription(request)
    assert seen(before).status == ACTIVE
    assert seen(before).customer.account_id == ACCOUNT
    known = {fact.id: fact for fact in stack.consumer.facts}[before.fact.id]
    assert (known.revision, known.payload) == (before.fact.revision, before.fact.payload)
    await stack.sandbox("delivery", {"loss": 1.0})
    answer = await stack.http.delete(
        f"{stack.stripe.url}/v1/subscriptions/{name}", auth=(stack.stripe.secret_key, "")
    )
    assert answer.status_code == 200, answer.text
    after = await seller.RefreshSubscription(request)
    assert (seen(after).status, after.fact.revision) == (CANCELED, before.fact.revision + 1)
    facts = await stack.consumer.wait_for(
        lambda facts: any(fact.id == after.fact.id for fact in facts)
    )
    (told,) = [fact for fact in facts if fact.id == after.fact.id]
    assert (told.key, told.revision, told.payload) == (
        after.fact.key,
        after.fact.revision,
        after.fact.payload,
    )
    assert (await seller.RefreshSubscription(request)).fact.id == after.fact.id


async def test_refreshes_at_once_answer_one_revision(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    request = pb.RefreshSubscriptionRequest(
        provider_subscription_id=await subscribed(stack, seller)
    )
    answers = await asyncio.gather(
        *(seller.RefreshSubscription(request) for _ in range(6)), return_exceptions=True
    )
    facts = [one.fact for one in answers if isinstance(one, pb.RefreshSubscriptionResponse)]
    overtaken = [one for one in answers if isinstance(one, Aborted)]
    assert len(facts) + len(overtaken) == 6
    assert len({fact.id for fact in facts}) == 1
    assert {one.reason for one in overtaken} <= {"FETCH_OVERTAKEN"}


async def test_a_refresh_of_what_is_not_there_or_not_ours_is_refused(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    with pytest.raises(NotFound) as unknown:
        await seller.RefreshSubscription(
            pb.RefreshSubscriptionRequest(provider_subscription_id="sub_unknown")
        )
    assert unknown.value.reason == "UNKNOWN_SUBSCRIPTION"
    name = await subscribed(stack, seller)
    await stack.call(
        f"/v1/subscriptions/{name}", **{"metadata[tollgate_deployment]": "somewhere else"}
    )
    with pytest.raises(FailedPrecondition) as other:
        await seller.RefreshSubscription(
            pb.RefreshSubscriptionRequest(provider_subscription_id=name)
        )
    assert other.value.reason == "NOT_OURS"


async def test_a_subscription_that_gives_way_is_ended_and_its_money_since_then_given_back(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    name = await subscribed(stack, seller)
    began = datetime.now(UTC)
    for _ in range(2):
        await stack.sandbox("clock", {"advance": int(MONTH.total_seconds())})
    request = give_back(name, began + timedelta(days=1))
    first = await seller.RefundSubscription(request)
    assert await seller.RefundSubscription(request) == first
    assert (first.amount.currency, first.amount.minor_units) == ("eur", 9800)
    assert (await stack.get(f"/v1/subscriptions/{name}"))["status"] == "canceled"
    await stack.consumer.wait_for(
        lambda _facts: len(stack.consumer.of_type("PaymentReversed")) >= 2
    )
    back = [
        one
        for one in stack.consumer.of_type("PaymentReversed")
        if isinstance(one, events_pb2.PaymentReversed)
    ]
    assert {one.customer.account_id for one in back} == {ACCOUNT}
    assert {one.provider_subscription_id for one in back} == {name}
    assert first.refund_id in {one.reversal_id for one in back}
    rest = await seller.RefundSubscription(give_back(name, began - timedelta(days=1), "f2"))
    assert rest.amount.minor_units == 4900
    nothing = await seller.RefundSubscription(give_back(name, began - timedelta(days=1), "f3"))
    assert nothing == pb.RefundSubscriptionResponse()
    assert len((await stack.get("/v1/refunds"))["data"]) == 3


async def test_what_the_provider_failed_after_giving_it_back_is_not_given_back_twice(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    name = await subscribed(stack, seller)
    began = datetime.now(UTC)
    await stack.sandbox("clock", {"advance": int(MONTH.total_seconds())})
    for method, path in (("DELETE", f"/v1/subscriptions/{name}"), ("POST", "/v1/refunds")):
        fault = {"status": 500, "count": 1, "method": method, "path": path, "applied": True}
        await stack.sandbox("faults", fault)
    answer = await seller.RefundSubscription(give_back(name, began - timedelta(days=1)))
    assert answer.amount.minor_units == 9800
    assert len((await stack.get("/v1/refunds"))["data"]) == 2


async def test_its_money_goes_back_for_its_own_account_and_only_to_whom_may_ask(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    name = await subscribed(stack, seller)
    request = give_back(name, datetime.now(UTC) - timedelta(days=1))
    request.account = "acc_other"
    with pytest.raises(NotFound) as unknown:
        await seller.RefundSubscription(request)
    assert unknown.value.reason == "UNKNOWN_SUBSCRIPTION"
    with pytest.raises(InvalidArgument):
        await seller.RefundSubscription(pb.RefundSubscriptionRequest(account=ACCOUNT))
    assert (await stack.get("/v1/refunds"))["data"] == []
    assert (await stack.get(f"/v1/subscriptions/{name}"))["status"] == "active"


async def test_another_service_may_ask_for_neither(stack: Stack) -> None:
    process = await stack.launch()
    await process.logged("The provider's key is verified.")
    gateway: PaymentsServiceAsyncStub = PaymentsServiceStub(
        stack.channel(process, stack.gateway_tls)
    )
    with pytest.raises(PermissionDenied):
        await gateway.RefundSubscription(give_back("sub_1", datetime.now(UTC)))
    with pytest.raises(PermissionDenied):
        await gateway.RefreshSubscription(
            pb.RefreshSubscriptionRequest(provider_subscription_id="sub_1")
        )
