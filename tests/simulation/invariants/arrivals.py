"""What was told arrives: nothing acknowledged is lost, nothing waits for ever, nothing is dead."""

from typing import TYPE_CHECKING

from services.payments.events import EventState
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AllTheTime, AtTheEnd
from tests.simulation.shop_rows import InvoiceState

if TYPE_CHECKING:
    from tests.simulation.world import World


class AcknowledgedIsStored(AllTheTime):
    """An event that was answered 200 is in the database, from then on."""

    name = "acknowledged is stored"

    def __init__(self) -> None:
        self._looked = 0

    def check(self, world: "World") -> list[str]:
        """Look at what was acknowledged since the last look."""
        taken, stored = world.shop.post.taken, reading.events(world)
        news = taken[self._looked :]
        self._looked = len(taken)
        return [
            f"{event_id} was acknowledged and is not stored"
            for event_id in news
            if (reading.PROVIDER, event_id) not in stored
        ]


class NothingWaitsForEver(AtTheEnd):
    """Queues and outboxes are empty, no letter is dead, no event is open."""

    name = "nothing waits for ever"

    def final(self, world: "World") -> list[str]:
        """Look at everything that could wait."""
        settled = (EventState.DONE, EventState.IGNORED)
        strangers = _strangers(world)
        return [
            *reading.waiting_facts(world),
            *reading.dead_facts(world),
            *reading.queued(world),
            *(
                f"{row.event.id} {row.event.type} is {row.judgement.state} {row.judgement.reason}"
                for row in reading.events(world).values()
                if row.judgement.state not in settled
            ),
            *(f"{name} was never acknowledged" for name in world.shop.post.open),
            *(
                f"{row.fact.type} is parked: {row.reason}"
                for row in reading.parked(world)
                if row.fact.key not in strangers
            ),
            *(
                f"operation {row.id} ({row.kind}) never ended"
                for row in reading.operations(world).values()
                if row.state.value == "STARTED" and row.kind.value != "customer"
            ),
        ]


def _strangers(world: "World") -> set[str]:
    """Return what facts of customers are ordered by who have never paid: they have no account.

    Their banks gave nothing for what they subscribed to.
    """
    books = world.shop.books
    known = {row.customer for row in books.sessions.values() if row.paid}
    home = f"customer:{reading.PROVIDER}/{reading.PROVIDER_ACCOUNT}"
    return {f"{home}/{name}" for name in books.customers if name not in known}


class EverythingPaidIsKnown(AtTheEnd):
    """Every payment, and every subscription as it is now, has come down to subscription."""

    name = "everything paid is known"

    def final(self, world: "World") -> list[str]:
        """Compare the provider's books with what is known."""
        books = world.shop.books
        known = {one.checkout.checkout_id for one in reading.purchases(world).values()}
        paid = set(reading.invoices(world))
        wrong = [
            f"page {row.id} was paid and nobody knows"
            for row in books.sessions.values()
            if row.paid and row.id not in known
        ]
        wrong += [
            f"invoice {row.id} was paid and nobody knows"
            for row in books.invoices.values()
            if row.state is InvoiceState.PAID and row.id not in paid
        ]
        seen = {
            key.provider_subscription_id: snapshot.seen
            for key, snapshot in reading.snapshots(world).items()
        }
        for row in books.subscriptions.values():
            told = seen.get(row.id)
            now = (row.status.value, row.cancel_at_period_end, row.paused)
            if told is None:
                wrong.append(f"{row.id} is not known")
            elif (told.status.value, told.cancel_at_period_end, told.collection_paused) != now:
                wrong.append(f"{row.id} is {now} and is thought to be {told.status.value}")
        return wrong
