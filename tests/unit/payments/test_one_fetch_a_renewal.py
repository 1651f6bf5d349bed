"""A renewal is told of by two events of one invoice; one fetch of it answers for both."""

import pytest

from services.payments.events import EventState
from services.payments.ingest import FOLLOWING_SECONDS
from services.payments.providers.stripe.events import HANDLED
from services.payments.store import QUEUE
from services.payments.views import Projection
from tests.unit.payments.world import INVOICE, World, invoice


@pytest.mark.parametrize("told", ["invoice.paid", "invoice.payment_succeeded"])
@pytest.mark.parametrize(
    ("reason", "waits"),
    [("subscription_create", True), ("subscription_cycle", True), ("subscription_update", False)],
)
def test_what_begins_or_renews_a_subscription_waits_for_its_twin(
    told: str, reason: str, waits: bool
) -> None:
    assert HANDLED[told].follows({"billing_reason": reason}) is waits


def test_a_payment_that_failed_waits_for_nothing() -> None:
    assert not HANDLED["invoice.payment_failed"].follows({"billing_reason": "subscription_cycle"})


async def test_both_events_of_a_renewal_are_answered_for_by_one_fetch() -> None:
    world = World()
    renewal = Projection(INVOICE, invoices=(invoice(billing_reason="subscription_cycle"),))
    world.provider.objects = {INVOICE: renewal}
    # Who shows the invoice is how the provider in memory says that its events wait.
    world.provider.shows = {"in_1's twin": (INVOICE,)}
    await world.deliver("evt_1", "invoice.paid", "in_1")
    await world.settle()
    await world.deliver("evt_2", "invoice.succeeded", "in_1")
    world.clock.advance(FOLLOWING_SECONDS)
    await world.settle()
    assert world.provider.fetched == [INVOICE]
    assert world.event("evt_1").judgement.state is EventState.DONE
    assert world.event("evt_2").judgement.state is EventState.DONE
    assert world.fact_types() == ["InvoicePaid"]
    assert world.queue.keys(QUEUE) == {}
