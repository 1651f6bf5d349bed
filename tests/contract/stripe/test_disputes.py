"""Disputes: opened by a card, answered with evidence, won, lost, given up or left to time."""

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import charge_of, paid, told, wait
from tests.contract.stripe.support import pay, subscribe


async def disputed(
    client: stripe.StripeClient, method: str = "pm_card_createDispute"
) -> stripe.Dispute:
    intent = await paid(client, method)
    found = await client.v1.disputes.list_async({"payment_intent": intent.id})
    assert len(found.data) == 1
    return found.data[0]


async def answer(client: stripe.StripeClient, dispute: stripe.Dispute, words: str) -> None:
    await client.v1.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": words}})


async def test_a_dispute_takes_the_money_and_a_fee(client: stripe.StripeClient) -> None:
    dispute = await disputed(client)
    assert (dispute.status, dispute.reason, dispute.amount) == (
        "needs_response",
        "fraudulent",
        5000,
    )
    (booked,) = dispute.balance_transactions
    assert (booked.amount, booked.fee, booked.net) == (-5000, 1500, -6500)
    charge = await client.v1.charges.retrieve_async(str(dispute.charge))
    assert charge.disputed is True
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.refunds.create_async({"charge": charge.id})
    assert refused.value.code == "charge_disputed"
    kinds = await told(client, about="charge.dispute.*")
    assert kinds == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


@pytest.mark.parametrize(
    ("words", "status", "last", "booked"),
    [
        ("winning_evidence", "won", "charge.dispute.funds_reinstated", [-5000, 5000]),
        ("losing_evidence", "lost", "charge.dispute.closed", [-5000]),
    ],
)
async def test_the_evidence_decides(
    sandbox: SandboxStripe,
    client: stripe.StripeClient,
    words: str,
    status: str,
    last: str,
    booked: list[int],
) -> None:
    dispute = await disputed(client)
    await answer(client, dispute, words)
    under_review = await client.v1.disputes.retrieve_async(dispute.id)
    assert (under_review.status, under_review.evidence_details.submission_count) == (
        "under_review",
        1,
    )
    await wait(sandbox)
    ended = await client.v1.disputes.retrieve_async(dispute.id)
    assert ended.status == status
    assert [at.amount for at in ended.balance_transactions] == booked
    assert (await told(client))[-1] == last


async def test_evidence_may_be_staged_before_it_is_submitted(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    dispute = await disputed(client)
    staged = await client.v1.disputes.update_async(
        dispute.id,
        {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": False},
    )
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    await wait(sandbox)
    assert (await client.v1.disputes.retrieve_async(dispute.id)).status == "needs_response"
    await client.v1.disputes.update_async(dispute.id, {"submit": True})
    await wait(sandbox)
    assert (await client.v1.disputes.retrieve_async(dispute.id)).status == "won"


async def test_a_dispute_that_is_closed_or_left_is_lost(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    given_up, left = await disputed(client), await disputed(client)
    assert (await client.v1.disputes.close_async(given_up.id)).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.disputes.close_async(given_up.id)
    with pytest.raises(stripe.InvalidRequestError):
        await answer(client, given_up, "winning_evidence")
    await wait(sandbox, 10 * 86400)
    ended = await client.v1.disputes.retrieve_async(left.id)
    assert (ended.status, ended.evidence_details.past_due) == ("lost", True)


async def test_an_inquiry_takes_nothing_until_it_is_escalated(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    inquiry = await disputed(client, "pm_card_createDisputeInquiry")
    assert (inquiry.status, inquiry.balance_transactions) == ("warning_needs_response", [])
    await answer(client, inquiry, "escalate_inquiry_evidence")
    await wait(sandbox)
    escalated = await client.v1.disputes.retrieve_async(inquiry.id)
    assert (escalated.status, len(escalated.balance_transactions)) == ("needs_response", 1)


async def test_an_inquiry_that_is_answered_well_is_closed(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    intent = await paid(client, "pm_card_createDisputeInquiry")
    (inquiry,) = (await client.v1.disputes.list_async()).data
    await answer(client, inquiry, "winning_evidence")
    await wait(sandbox)
    assert (await client.v1.disputes.retrieve_async(inquiry.id)).status == "warning_closed"
    assert (await charge_of(client, intent)).disputed is False
    assert (await client.v1.refunds.create_async({"payment_intent": intent.id})).amount == 5000


async def test_a_subscription_s_first_payment_may_be_disputed(client: stripe.StripeClient) -> None:
    session = await subscribe(client, "price_pro")
    assert (await pay(session.url, "4000000000000259")).status_code == 303
    (dispute,) = (
        await client.v1.disputes.list_async({"expand": ["data.charge", "data.payment_intent"]})
    ).data
    assert isinstance(dispute.charge, stripe.Charge)
    assert isinstance(dispute.payment_intent, stripe.PaymentIntent)
    assert dispute.charge.disputed is True
    found = await client.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": dispute.payment_intent.id}}
    )
    assert [at.status for at in found.data] == ["paid"]
