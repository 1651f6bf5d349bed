"""From the hosted page to facts at the consumer, through the real process."""

import asyncio

import asyncpg
import pytest

from services.chassis.errors import NotFound, PermissionDenied
from services.chassis.identity import Principal, acting
from tests.integration.payments.stack import PATIENCE, SEALING_KEY, SECRET, Stack
from tests.integration.postgres_fixture import Database
from tollgate.payments.v1 import events_pb2, payments_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb

ADMIN = Principal(
    "root", "user", "http://idp.example.com/realms/master", groups=("platform-admin",)
)
MEMBER = Principal(
    "ada", "user", "http://idp.example.com/realms/acme", "", "acme", (), ("org-admin",)
)
OPEN_EVENTS = "SELECT count(*) FROM events WHERE state = 'PENDING'"
THREE = {"CheckoutPaid", "InvoicePaid", "ProviderSubscription"}


def names(stack: Stack) -> set[str]:
    return {fact.type.rpartition(".")[2] for fact in stack.consumer.facts}


async def test_a_checkout_that_is_paid_on_the_hosted_page_becomes_facts(
    stack: Stack, database: Database
) -> None:
    process = await stack.launch()
    session = await stack.begin_checkout()
    await stack.pay(session)
    await stack.consumer.wait_for(lambda _facts: names(stack) >= THREE)

    (paid,) = stack.consumer.of_type("CheckoutPaid")
    assert isinstance(paid, events_pb2.CheckoutPaid)
    assert paid.checkout_id == session["id"]
    assert paid.customer.customer_id == session["customer_id"]
    assert paid.customer.provider_account == stack.stripe.account
    assert paid.customer.identity == {"user_id": "u1"}
    assert [item.price_id for item in paid.items] == [session["price"]]
    assert (paid.total.currency, paid.total.minor_units) == ("eur", 4900)

    invoices = stack.consumer.of_type("InvoicePaid")
    assert isinstance(invoices[0], events_pb2.InvoicePaid)
    assert invoices[0].invoice_id == paid.invoice_id
    assert invoices[0].provider_subscription_id == paid.provider_subscription_id
    assert invoices[0].billing_reason == "subscription_create"
    assert invoices[0].period_start.seconds < invoices[0].period_end.seconds

    state = stack.consumer.of_type("ProviderSubscription")[-1]
    assert isinstance(state, events_pb2.ProviderSubscription)
    assert state.status == events_pb2.ProviderSubscription.STATUS_ACTIVE
    assert len({fact.key for fact in stack.consumer.facts}) == 1

    await stack.stripe.delivered()
    await _until_folded(database)
    assert await process.stop() == 0
    await _check_what_is_kept(database, process.output)


async def _until_folded(database: Database) -> None:
    """Wait until no event is open."""
    connection = await asyncpg.connect((await database.service("payments")).owner)
    try:
        async with asyncio.timeout(PATIENCE):
            while await connection.fetchval(OPEN_EVENTS):  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0.05)
        found = await connection.fetch("SELECT DISTINCT state FROM events ORDER BY state")
    finally:
        await connection.close()
    assert {row["state"] for row in found} <= {"DONE", "IGNORED"}


async def _check_what_is_kept(database: Database, output: bytearray) -> None:
    """Bodies are sealed, each money fact stands once, and no log line shows a secret."""
    connection = await asyncpg.connect((await database.service("payments")).owner)
    try:
        bodies = await connection.fetch("SELECT sealed FROM event_bodies")
        assert bodies
        assert not any(
            b"checkout" in row["sealed"] or b'"object"' in row["sealed"] for row in bodies
        )
        facts = await connection.fetch("SELECT type FROM money_facts ORDER BY type")
        assert [row["type"] for row in facts] == ["CheckoutPaid", "InvoicePaid"]
    finally:
        await connection.close()
    for secret in (SECRET, SEALING_KEY, "sk_test_", "ada@example.com", "client_secret"):
        assert secret.encode() not in output


async def test_events_that_come_doubled_and_shuffled_count_once(
    stack: Stack, database: Database
) -> None:
    process = await stack.launch()
    answer = await stack.http.post(
        stack.stripe.url + "/sandbox/delivery",
        json={"copies": 3, "shuffle": True},
    )
    assert answer.status_code == 200
    for _ in range(3):
        await stack.pay(await stack.begin_checkout())
    await stack.stripe.delivered()
    await stack.consumer.wait_for(
        lambda _facts: (
            len(stack.consumer.of_type("CheckoutPaid")) == 3
            and len(stack.consumer.of_type("InvoicePaid")) == 3
            and len(stack.consumer.of_type("ProviderSubscription")) >= 3
        )
    )
    assert await process.stop() == 0
    connection = await asyncpg.connect((await database.service("payments")).owner)
    try:
        doubled = await connection.fetchval("SELECT min(deliveries) FROM events")
        facts = await connection.fetchval("SELECT count(*) FROM money_facts")
    finally:
        await connection.close()
    assert doubled == 3
    assert facts == 6


async def test_what_was_taken_in_by_a_process_that_was_killed_is_folded_by_the_next(
    stack: Stack, database: Database
) -> None:
    first = await stack.launch()
    session = await stack.begin_checkout()
    path = f"/v1/checkout/sessions/{session['id']}"
    # The provider's API fails, so that the events are stored and not folded.
    answer = await stack.http.post(
        stack.stripe.url + "/sandbox/faults",
        json={"status": 503, "count": 200, "method": "GET", "path": path},
    )
    assert answer.status_code == 200, answer.text
    await stack.pay(session)
    await stack.stripe.delivered()
    await first.kill()
    await stack.http.delete(stack.stripe.url + "/sandbox/faults")
    await stack.launch()
    await stack.consumer.wait_for(lambda _facts: names(stack) >= THREE)
    assert len(stack.consumer.of_type("CheckoutPaid")) == 1


async def test_operators_see_events_and_have_them_folded_again(
    stack: Stack, database: Database
) -> None:
    await stack.launch()
    session = await stack.begin_checkout()
    await stack.pay(session)
    await stack.consumer.wait_for(lambda _facts: names(stack) >= THREE)
    assert stack.edge.stub is not None
    told = len(stack.consumer.facts)
    with acting(ADMIN):
        page = await stack.edge.stub.ListEvents(pb.ListEventsRequest())
        completed = [one for one in page.events if one.type == "checkout.session.completed"]
        assert [one.object_id for one in completed] == [session["id"]]
        request = pb.ReplayEventRequest(name=completed[0].name, request_id="r1", reason="lost")
        answer = await stack.edge.stub.ReplayEvent(request)
        assert answer.event.state == payments_pb2.EVENT_STATE_PENDING
        with pytest.raises(NotFound) as unknown:
            await stack.edge.stub.ReplayEvent(pb.ReplayEventRequest(name="evt_none"))
        assert unknown.value.reason == "UNKNOWN_EVENT"
    facts = await stack.consumer.wait_for(lambda facts: len(facts) >= told + 3)
    again = [fact.id for fact in facts if fact.type.endswith("CheckoutPaid")]
    assert len(again) == 2
    assert len(set(again)) == 1
    with acting(MEMBER), pytest.raises(PermissionDenied):
        await stack.edge.stub.ListEvents(pb.ListEventsRequest())
    with acting(MEMBER):
        shown = await stack.edge.stub.GetProvider(pb.GetProviderRequest())
    assert (shown.provider.name, shown.provider.account) == ("stripe", stack.stripe.account)


async def test_a_key_of_another_account_takes_nothing_in_while_the_service_stays_up(
    stack: Stack, database: Database
) -> None:
    first = await stack.launch()
    await first.logged("The provider's key is verified.")
    await first.stop()
    second = await stack.launch(STRIPE_ACCOUNT="acct_another")
    line = await second.logged("The provider is refused; nothing is taken in.")
    assert "acct_another" in line["problem"]
    assert stack.edge.stub is not None
    await stack.pay(await stack.begin_checkout())
    await stack.edge.answered(payments_pb2.IngestResult.OUTCOME_UNAVAILABLE)
    with acting(ADMIN):
        page = await stack.edge.stub.ListEvents(pb.ListEventsRequest())
    assert list(page.events) == []
