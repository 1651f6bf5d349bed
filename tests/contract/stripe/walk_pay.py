"""The part of the walk that pays: cards, intents, checkout, portal, refunds, disputes."""

from typing import Any

import httpx
import stripe

from tests.contract.stripe.walking import Walk

CARD = {"exp_month": "12", "exp_year": "2040", "cvc": "123", "email": "walk@example.com"}


async def _send(url: str | None, **form: str) -> httpx.Response:
    assert url is not None
    async with httpx.AsyncClient() as browser:
        return await browser.post(url, data=form)


async def customers(walk: Walk) -> None:
    """A customer is made, changed, listed, deleted."""
    api = walk.client.v1.customers
    made = await api.create_async({"email": "walk@example.com", "metadata": {"walk": "1"}})
    await api.update_async(made.id, {"name": "Walker", "address": {"city": "Bern"}})
    await api.retrieve_async(made.id, {"expand": ["subscriptions"]})
    await api.list_async({"email": "walk@example.com", "limit": 3})
    await api.delete_async(made.id)
    walk.same((await api.retrieve_async(made.id)).deleted, True)


async def payment_methods(walk: Walk) -> None:
    """A card is made, attached, changed, listed, detached."""
    api = walk.client.v1.payment_methods
    made = await api.create_async({"type": "card", "card": {"token": "tok_visa"}})
    await api.attach_async(made.id, {"customer": walk.customer})
    await api.update_async(made.id, {"billing_details": {"name": "Walker"}})
    await api.retrieve_async(made.id)
    await api.list_async({"customer": walk.customer})
    await walk.client.v1.customers.payment_methods.list_async(walk.customer)
    await walk.client.v1.customers.payment_methods.retrieve_async(walk.customer, made.id)
    walk.same((await api.detach_async(made.id)).customer, None)


async def setup_intents(walk: Walk) -> None:
    """A card is saved, refused, confirmed by its owner; an intent is canceled."""
    api = walk.client.v1.setup_intents
    made = await api.create_async({"customer": walk.customer, "metadata": {"walk": "1"}})
    await walk.refused(api.confirm_async(made.id, {"payment_method": "pm_card_chargeDeclined"}))
    asked = await api.confirm_async(made.id, {"payment_method": "pm_card_authenticationRequired"})
    walk.same(asked.status, "requires_action")
    assert asked.next_action is not None
    await _send(asked.next_action.to_dict()["use_stripe_sdk"]["stripe_js"], outcome="complete")
    walk.same((await api.retrieve_async(made.id)).status, "succeeded")
    other = await api.create_async({"description": "walk"})
    await api.update_async(other.id, {"metadata": {"walk": "2"}})
    walk.same((await api.cancel_async(other.id)).status, "canceled")
    await api.list_async({"customer": walk.customer})


async def payment_intents(walk: Walk) -> None:
    """Intents are made, confirmed, declined, held, captured in part, canceled."""
    api = walk.client.v1.payment_intents
    made = await api.create_async({"amount": 4000, "currency": "eur"})
    await api.update_async(made.id, {"description": "walk", "amount": 4200})
    await walk.refused(api.confirm_async(made.id, {"payment_method": "pm_card_chargeDeclined"}))
    done = await api.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    walk.same(done.amount_received, 4200)
    held = await walk.charged("pm_card_visa", capture_method="manual")
    walk.same(held.status, "requires_capture")
    part = await api.capture_async(held.id, {"amount_to_capture": 1000})
    walk.same(part.amount_received, 1000)
    other = await walk.charged("pm_card_visa", capture_method="manual")
    walk.same((await api.cancel_async(other.id)).status, "canceled")
    asked = await walk.charged("pm_card_threeDSecure2Required", return_url="https://a.example/b")
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    await _send(asked.next_action.redirect_to_url.url, outcome="complete")
    await api.retrieve_async(asked.id, {"expand": ["latest_charge.balance_transaction"]})
    await api.list_async({"customer": walk.customer})


async def charges(walk: Walk) -> None:
    """Charges are read and described; balance and its transactions are read."""
    api = walk.client.v1
    intent = await walk.charged("pm_card_mastercard")
    name = str(intent.latest_charge)
    await api.charges.update_async(name, {"description": "walk", "metadata": {"walk": "1"}})
    found = await api.charges.retrieve_async(name, {"expand": ["refunds", "customer"]})
    await api.charges.list_async({"payment_intent": intent.id})
    await api.balance.retrieve_async()
    await api.balance_transactions.list_async({"source": name})
    await api.balance_transactions.retrieve_async(str(found.balance_transaction))


async def refunds(walk: Walk) -> None:
    """A refund succeeds, one waits, one fails later."""
    api = walk.client.v1.refunds
    plain = await walk.charged("pm_card_visa")
    made = await api.create_async({"payment_intent": plain.id, "amount": 1000})
    await api.update_async(made.id, {"metadata": {"walk": "1"}})
    waits = await walk.charged("pm_card_pendingRefund")
    pending = await api.create_async({"payment_intent": waits.id})
    fails = await walk.charged("pm_card_refundFail")
    failing = await api.create_async({"payment_intent": fails.id})
    await walk.later(60)
    walk.same((await api.retrieve_async(pending.id)).status, "succeeded")
    walk.same((await api.retrieve_async(failing.id)).status, "failed")
    await walk.refused(api.cancel_async(made.id))
    await api.list_async({"payment_intent": plain.id})


async def disputes(walk: Walk) -> None:
    """Disputes are won and given up; a fraud warning and a review are read."""
    api = walk.client.v1
    won = await walk.charged("pm_card_createDispute")
    (dispute,) = (await api.disputes.list_async({"payment_intent": won.id})).data
    evidence: stripe.params.DisputeUpdateParams = {
        "evidence": {"uncategorized_text": "winning_evidence"}
    }
    await api.disputes.update_async(dispute.id, evidence)
    await walk.later(60)
    walk.same((await api.disputes.retrieve_async(dispute.id)).status, "won")
    lost = await walk.charged("pm_card_createDisputeProductNotReceived")
    (other,) = (await api.disputes.list_async({"payment_intent": lost.id})).data
    walk.same((await api.disputes.close_async(other.id)).status, "lost")
    warned = await walk.charged("pm_card_createIssuerFraudRecord")
    warnings = api.radar.early_fraud_warnings
    (warning,) = (await warnings.list_async({"payment_intent": warned.id})).data
    await warnings.retrieve_async(warning.id, {"expand": ["charge"]})
    risky = await walk.charged("pm_card_riskLevelElevated")
    await api.reviews.list_async()
    await api.reviews.retrieve_async(str(risky.review))
    walk.same((await api.reviews.approve_async(str(risky.review))).open, False)


async def checkout(walk: Walk) -> None:
    """Sessions in each mode: paid, declined, in trial, saved, expired."""
    api = walk.client.v1.checkout.sessions
    session = await _session(walk, mode="subscription", metadata={"walk": "1"})
    walk.same((await _send(session.url, number="4000000000000002", **CARD)).status_code, 402)
    walk.same((await _send(session.url, number="4242424242424242", **CARD)).status_code, 200)
    found = await api.retrieve_async(
        session.id,
        {"expand": ["line_items", "customer", "subscription.latest_invoice.payments"]},
    )
    walk.same((found.status, found.payment_status), ("complete", "paid"))
    await api.line_items.list_async(session.id)
    await api.update_async(session.id, {"metadata": {"walk": "2"}})
    trial = await _session(walk, mode="subscription", subscription_data={"trial_period_days": 9})
    await _send(trial.url, number="4242424242424242", **CARD)
    walk.same((await api.retrieve_async(trial.id)).payment_status, "no_payment_required")
    saved = await api.create_async({"mode": "setup", "currency": "usd", "customer": walk.customer})
    await _send(saved.url, number="4242424242424242", **CARD)
    await api.retrieve_async(saved.id, {"expand": ["setup_intent"]})
    ended = await _session(walk, mode="subscription")
    walk.same((await api.expire_async(ended.id)).status, "expired")
    await api.list_async({"customer": walk.customer})


async def _session(walk: Walk, **more: Any) -> stripe.checkout.Session:
    params: Any = {
        "customer": walk.customer,
        "line_items": [{"price": walk.price, "quantity": 2}],
        **more,
    }
    return await walk.client.v1.checkout.sessions.create_async(params)


async def portal(walk: Walk) -> None:
    """A configuration and a link; the customer cancels on the page."""
    api = walk.client.v1.billing_portal
    made = await api.configurations.create_async(
        {"features": {"subscription_cancel": {"enabled": True}}, "metadata": {"walk": "1"}}
    )
    await api.configurations.update_async(made.id, {"name": "walk"})
    await api.configurations.retrieve_async(made.id)
    await api.configurations.list_async()
    session = await api.sessions.create_async(
        {"customer": walk.customer, "configuration": made.id, "return_url": "https://a.example"}
    )
    running = await walk.client.v1.subscriptions.list_async({"customer": walk.customer})
    name = running.data[0].id
    await _send(session.url, action="cancel", subscription=name)
    found = await walk.client.v1.subscriptions.retrieve_async(name)
    walk.same(found.cancel_at_period_end, True)


async def account(walk: Walk) -> None:
    """The account, webhook endpoints and events."""
    api = walk.client.v1
    mine = await api.accounts.retrieve_current_async()
    walk.same((await api.accounts.retrieve_async(mine.id)).id, mine.id)
    hook: stripe.params.WebhookEndpointCreateParams = {
        "url": "http://127.0.0.1:9/none",
        "enabled_events": ["product.created"],
    }
    made = await api.webhook_endpoints.create_async(hook)
    await api.webhook_endpoints.update_async(made.id, {"disabled": True})
    await api.webhook_endpoints.retrieve_async(made.id)
    await api.webhook_endpoints.list_async()
    walk.same((await api.webhook_endpoints.delete_async(made.id)).deleted, True)
    events = await api.events.list_async({"limit": 100})
    await api.events.retrieve_async(events.data[0].id)


FLOWS = (
    customers,
    payment_methods,
    setup_intents,
    payment_intents,
    charges,
    refunds,
    disputes,
    checkout,
    portal,
)
LAST = (account,)
