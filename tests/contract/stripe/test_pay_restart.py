"""What waits for its time, and every link, outlives a restart on another port."""

from pathlib import Path

import stripe

from deploy.sandbox.stripe import SandboxStripe
from deploy.sandbox.stripe.journal import Change, Journal
from tests.contract.stripe.pay_support import page, paid, post, wait
from tests.contract.stripe.support import official, pay, subscribe

WEEK = 7 * 86400


async def test_a_hold_runs_out_though_the_sandbox_was_restarted(tmp_path: Path) -> None:
    async with (
        SandboxStripe(data=tmp_path) as first,
        official(first.url, first.secret_key) as client,
    ):
        held = await paid(client, capture_method="manual")
    async with (
        SandboxStripe(data=tmp_path) as second,
        official(second.url, second.secret_key) as client,
    ):
        still = await client.v1.payment_intents.retrieve_async(held.id)
        assert still.status == "requires_capture"
        await wait(second, WEEK)
        gone = await client.v1.payment_intents.retrieve_async(held.id)
        assert (gone.status, gone.cancellation_reason) == ("canceled", "automatic")


async def test_a_portal_link_leads_to_the_new_address(tmp_path: Path) -> None:
    async with (
        SandboxStripe(data=tmp_path) as first,
        official(first.url, first.secret_key) as client,
    ):
        customer = await client.v1.customers.create_async({"email": "a@example.com"})
        session = await client.v1.billing_portal.sessions.create_async({"customer": customer.id})
    async with SandboxStripe(data=tmp_path) as second:
        assert session.url is not None
        url = session.url.replace(first.url, second.url)
        assert (await page(url)).status_code == 200
        done = await post(url, action="details", name="Ann")
        assert done.headers["Location"] == url


async def test_a_session_of_an_older_journal_is_still_paid(
    tmp_path: Path, catalog_file: Path
) -> None:
    async with (
        SandboxStripe(data=tmp_path, catalogs=[catalog_file]) as first,
        official(first.url, first.secret_key) as client,
    ):
        session = await subscribe(client, "price_pro")
    _forget_terms(tmp_path, session)
    async with (
        SandboxStripe(data=tmp_path, catalogs=[catalog_file]) as second,
        official(second.url, second.secret_key) as client,
    ):
        found = await client.v1.checkout.sessions.retrieve_async(session.id)
        assert (await pay(found.url)).status_code == 303
        done = await client.v1.checkout.sessions.retrieve_async(session.id)
        assert (done.status, done.payment_status) == ("complete", "paid")


def _forget_terms(data: Path, session: stripe.checkout.Session) -> None:
    """Write the session's order as it was before there were trials and coupons."""
    journal = Journal(data)
    changes = [change for change in journal.replay() for kind, _ in change.put if kind == "order"]
    (order,) = [
        value for kind, value in changes[-1].put if kind == "order" and value["id"] == session.id
    ]
    fresh = ("intent", "offer", "trial_end")
    old = {name: value for name, value in order.items() if name not in fresh}
    journal.append(Change(put=[("order", {**old, "payment_intent": None})]))
    journal.close()
