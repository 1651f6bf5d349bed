"""Test clocks, and the sandbox's own clock that can be moved."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import Receiver, admin, official, paid_subscription
from tests.contract.stripe.time_support import DAY, HOUR, funded, moment, timeline


async def test_a_clock_is_made_read_listed_and_deleted(client: stripe.StripeClient) -> None:
    clocks = client.v1.test_helpers.test_clocks
    made = await clocks.create_async({"frozen_time": moment("2027-01-31"), "name": "ours"})
    assert (made.status, made.frozen_time, made.name) == ("ready", moment("2027-01-31"), "ours")
    assert (await clocks.retrieve_async(made.id)).id == made.id
    assert [at.id for at in (await clocks.list_async()).data] == [made.id]
    gone = await clocks.delete_async(made.id)
    assert gone.deleted is True
    with pytest.raises(stripe.InvalidRequestError, match="No such testclock"):
        await clocks.retrieve_async(made.id)


async def test_all_that_hangs_on_a_clock_takes_time_from_it(client: stripe.StripeClient) -> None:
    mine = await funded(client)
    subscription = await mine.subscribe()
    customer = await client.v1.customers.retrieve_async(mine.customer)
    (invoice,) = await mine.invoices(subscription.id)
    (charge,) = (await client.v1.charges.list_async({"customer": mine.customer})).data
    created = {at.created for at in (customer, subscription, invoice, charge)}
    assert created == {moment("2027-01-31")}
    assert {customer.test_clock, subscription.test_clock, invoice.test_clock} == {mine.clock}
    expanded = await client.v1.customers.retrieve_async(mine.customer, {"expand": ["test_clock"]})
    assert isinstance(expanded.test_clock, stripe.test_helpers.TestClock)


async def test_customers_on_a_clock_are_listed_by_their_clock_only(
    client: stripe.StripeClient,
) -> None:
    mine = await funded(client)
    await mine.subscribe()
    assert (await client.v1.customers.list_async()).data == []
    assert (await client.v1.subscriptions.list_async()).data == []
    (customer,) = (await client.v1.customers.list_async({"test_clock": mine.clock})).data
    assert customer.id == mine.customer
    found = await client.v1.subscriptions.list_async({"test_clock": mine.clock})
    assert [at.customer for at in found.data] == [mine.customer]
    assert len((await client.v1.subscriptions.list_async({"customer": mine.customer})).data) == 1


async def test_a_clock_moves_forward_only_and_not_too_far(client: stripe.StripeClient) -> None:
    mine = await funded(client)
    await mine.subscribe()
    for when in ("2027-01-31", "2027-01-30", "2027-04-01"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await mine.to(moment(when))
        assert refused.value.param == "frozen_time"
    there = await mine.to(moment("2027-03-31"))
    assert there.frozen_time == moment("2027-03-31")


async def test_a_clock_that_moves_refuses_changes_and_says_when_it_is_there(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    mine = await funded(client)
    subscription = await mine.subscribe()
    clocks = client.v1.test_helpers.test_clocks
    target = moment("2027-03-31")
    moving = await clocks.advance_async(mine.clock, {"frozen_time": target})
    assert moving.status == "advancing"
    assert moving.status_details.advancing is not None
    assert moving.status_details.advancing.target_frozen_time == target
    kinds = ("test_helpers.test_clock.advancing", "test_helpers.test_clock.ready")
    await receiver.until(lambda: set(kinds) <= set(receiver.types()))
    updated = await client.v1.subscriptions.update_async(subscription.id, {"metadata": {"a": "b"}})
    assert updated.metadata["a"] == "b"


async def test_a_deleted_clock_takes_its_customers_along(client: stripe.StripeClient) -> None:
    mine = await funded(client)
    subscription = await mine.subscribe()
    await client.v1.test_helpers.test_clocks.delete_async(mine.clock)
    assert (await client.v1.customers.retrieve_async(mine.customer)).deleted is True
    assert (await mine.subscription(subscription.id)).status == "canceled"


async def test_an_unknown_clock_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.customers.create_async({"test_clock": "clock_none"})
    assert (refused.value.param, refused.value.code) == ("test_clock", "resource_missing")


async def test_the_sandbox_s_own_clock_can_be_moved_and_renews(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    subscription = await paid_subscription(client, "price_pro")
    (item,) = subscription["items"].data
    answer = await admin(sandbox, "clock", {"advance": 32 * DAY})
    assert 32 * DAY - 5 <= answer.json()["moved_seconds"] <= 32 * DAY + 5
    renewed = await client.v1.subscriptions.retrieve_async(subscription.id)
    (later,) = renewed["items"].data
    assert later.current_period_start == item.current_period_end
    invoices = await client.v1.invoices.list_async({"subscription": subscription.id})
    assert [at.status for at in invoices.data] == ["paid", "paid"]
    await sandbox.delivered()
    # The signature's time stays the machine's, else nobody would believe it.
    assert receiver.got[-1].event().created > item.current_period_end


async def test_the_sandbox_s_clock_takes_idempotency_keys_along(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once"}
    first = await client.v1.customers.create_async({"name": "A"}, options)
    again = await client.v1.customers.create_async({"name": "A"}, options)
    assert again.id == first.id
    await admin(sandbox, "clock", {"advance": DAY})
    later = await client.v1.customers.create_async({"name": "A"}, options)
    assert later.id != first.id


@pytest.mark.parametrize("body", [{}, {"advance": 0}, {"advance": "1"}, {"now": 5}, []])
async def test_the_sandbox_s_clock_refuses_what_it_cannot_do(
    sandbox: SandboxStripe, body: object
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{sandbox.url}/sandbox/clock", json=body)
        shown = (await http.get(f"{sandbox.url}/sandbox/clock")).json()
    assert answer.status_code == 400
    assert shown["moved_seconds"] == 0


async def test_what_time_did_and_has_yet_to_do_outlives_a_restart(
    tmp_path: Path, catalog_file: Path
) -> None:
    data, target = tmp_path / "data", moment("2027-03-31")
    async with (
        SandboxStripe(data=data, catalogs=[catalog_file]) as first,
        official(first.url, first.secret_key) as client,
    ):
        mine = await funded(client)
        subscription = await mine.subscribe()
        await admin(first, "clock", {"advance": 3600})
        clocks = client.v1.test_helpers.test_clocks
        await clocks.advance_async(mine.clock, {"frozen_time": target})
    async with (
        SandboxStripe(data=data, catalogs=[catalog_file]) as second,
        official(second.url, second.secret_key) as client,
    ):
        again = replace(mine, client=client)
        assert (await again.arrived()).frozen_time == target
        assert len(await again.invoices(subscription.id)) == 3
        async with httpx.AsyncClient() as http:
            shown = (await http.get(f"{second.url}/sandbox/clock")).json()
        assert shown["moved_seconds"] == 3600


async def test_a_session_on_a_clock_expires_by_it(client: stripe.StripeClient) -> None:
    mine = await timeline(client, "2027-01-31")
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "customer": mine.customer,
            "line_items": [{"price": "price_pro", "quantity": 1}],
            "success_url": "https://shop.example/ok",
        }
    )
    assert session.expires_at == moment("2027-02-01")
    await mine.to(moment("2027-02-01"))
    found = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert found.status == "expired"
    assert "checkout.session.expired" in await mine.events()


async def test_two_clients_may_read_while_a_clock_moves(sandbox: SandboxStripe) -> None:
    async with official(sandbox.url, sandbox.secret_key) as client:
        mine = await funded(client)
        subscription = await mine.subscribe("price_t", trial_period_days=2)
        await asyncio.gather(
            mine.to(moment("2027-02-02") + HOUR),
            *(mine.subscription(subscription.id) for _ in range(5)),
        )
        assert (await mine.subscription(subscription.id)).status == "active"


@pytest.mark.parametrize(
    "body",
    [
        {"after_retries": "forgive"},
        {"retry_days": [0]},
        {"retry_days": 3},
        {"retry_days": ["soon"]},
        {"retries": 1},
        [],
    ],
)
async def test_billing_settings_that_make_no_sense_are_refused(
    sandbox: SandboxStripe, body: object
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{sandbox.url}/sandbox/billing", json=body)
        shown = (await http.get(f"{sandbox.url}/sandbox/billing")).json()
    assert answer.status_code == 400
    assert shown == {"retry_days": [3, 5, 7], "after_retries": "cancel"}
