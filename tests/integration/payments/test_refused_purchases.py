"""What a refused purchase collected after it was made goes back with it, through the process."""

from typing import TYPE_CHECKING

import pytest

from tests.integration.payments.stack import Stack
from tests.integration.payments.test_purchases import ACCOUNT, bought, reversals
from tollgate.payments.v1 import payments_service_pb2 as pb

if TYPE_CHECKING:
    from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceAsyncStub


@pytest.fixture
async def seller(stack: Stack) -> "PaymentsServiceAsyncStub":
    process = await stack.launch()
    await process.logged("The provider's key is verified.")
    return stack.seller(process)


async def test_a_refund_gives_back_what_was_collected_after_the_purchase_as_well(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    paid = await bought(stack, seller, await stack.price(4900))
    name = paid.provider_subscription_id
    (item,) = (await stack.get(f"/v1/subscriptions/{name}"))["items"]["data"]
    yearly = await stack.price(49000, **{"recurring[interval]": "year"})
    change = {"items[0][id]": item["id"], "items[0][price]": yearly}
    await stack.call(f"/v1/subscriptions/{name}", **change)
    invoices = (await stack.get("/v1/invoices", subscription=name))["data"]
    collected = sum(invoice["amount_paid"] for invoice in invoices)
    assert collected > 4900
    given = await seller.RefundCheckout(
        pb.RefundCheckoutRequest(
            checkout_id=paid.checkout_id, reason="ACCOUNT_HAS_SUBSCRIPTION", request_id="f1"
        )
    )
    assert given.amount.minor_units == collected
    refunds = (await stack.get("/v1/refunds"))["data"]
    assert sorted(one["amount"] for one in refunds) == sorted(
        invoice["amount_paid"] for invoice in invoices
    )
    told = await reversals(stack, 2)
    assert {one.customer.account_id for one in told} == {ACCOUNT}
    assert sum(one.amount.minor_units for one in told) == collected
