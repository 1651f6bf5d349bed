"""Refunds that wait or fail, and what they do to the charge and to the balance."""

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import charge_of, paid, told, wait


async def test_a_refund_may_wait_before_it_succeeds(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    intent = await paid(client, "pm_card_pendingRefund")
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    await wait(sandbox)
    settled = await client.v1.refunds.retrieve_async(refund.id)
    assert settled.status == "succeeded"
    assert await told(client, about="refund.*") == ["refund.created", "refund.updated"]


async def test_a_refund_may_fail_after_it_succeeded(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    intent = await paid(client, "pm_card_refundFail")
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 2000})
    assert refund.status == "succeeded"
    assert (await charge_of(client, intent)).amount_refunded == 2000
    await wait(sandbox)
    failed = await client.v1.refunds.retrieve_async(
        refund.id, {"expand": ["failure_balance_transaction"]}
    )
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    returned = failed.failure_balance_transaction
    assert isinstance(returned, stripe.BalanceTransaction)
    assert (returned.amount, returned.type) == (2000, "refund_failure")
    assert (await charge_of(client, intent)).amount_refunded == 0
    assert (await told(client))[-1] == "refund.failed"
    whole = await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert whole.amount == 5000


async def test_what_was_not_paid_is_not_refunded(client: stripe.StripeClient) -> None:
    held = await paid(client, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        await client.v1.refunds.create_async({"payment_intent": held.id})
    assert isinstance(held.latest_charge, str)
    with pytest.raises(stripe.InvalidRequestError, match="not captured"):
        await client.v1.refunds.create_async({"charge": held.latest_charge})
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.refunds.create_async({})


async def test_a_refund_s_metadata_changes_and_it_is_not_canceled(
    client: stripe.StripeClient,
) -> None:
    intent = await paid(client)
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id})
    changed = await client.v1.refunds.update_async(refund.id, {"metadata": {"why": "late"}})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"why": "late"}
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        await client.v1.refunds.cancel_async(refund.id)


async def test_the_balance_adds_up_what_came_and_went(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    intent = await paid(client)
    charge = await client.v1.charges.retrieve_async(
        str(intent.latest_charge), {"expand": ["balance_transaction"]}
    )
    booked = charge.balance_transaction
    assert isinstance(booked, stripe.BalanceTransaction)
    assert (booked.amount, booked.fee, booked.net, booked.status) == (5000, 175, 4825, "pending")
    await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1000})
    before = await client.v1.balance.retrieve_async()
    assert (before.available[0].amount, before.pending[0].amount) == (-1000, 4825)
    await wait(sandbox, 2 * 86400)
    after = await client.v1.balance.retrieve_async()
    assert after.available[0].amount == 3825
    listed = await client.v1.balance_transactions.list_async({"type": "charge"})
    assert [(at.id, at.status) for at in listed.data] == [(booked.id, "available")]
