"""What a paid page of ours makes true: its quote in the fact, and room for another page."""

from dataclasses import replace

from services.payments.binding import Operation, OperationKind
from services.payments.commerce import Place, PlaceState
from services.payments.domain import AccountId, OperationId
from services.payments.folding import FETCHES_PER_SECOND, LEFT_FOR_PEOPLE
from services.payments.views import Marker, Projection
from tests.fakes.payments_rows import PLACES
from tests.unit.payments.world import (
    CHECKOUT,
    NOON,
    SUBSCRIPTION,
    World,
    checkout,
    parsed,
    purchase,
    subscription,
)
from tollgate.payments.v1.events_pb2 import CheckoutPaid

NAME = OperationId("op_1")
MARKED = checkout(marker=Marker("op_1", "tollgate", "acc_1"))


async def started(world: World) -> None:
    """An operation of ours, and the account's place that it has."""
    account = AccountId("acc_1")
    operation = Operation(
        NAME, OperationKind.CHECKOUT, account, "memory", "acct_memory", "tollgate", b"", b""
    )
    operation = replace(operation, quote="quo_1")
    place = Place(NAME, account, "memory", "acct_memory", "quo_1", b"hash", NOON)
    await world.tx.run(lambda store: store.put_operation(operation))
    await world.tx.run(lambda store: store.take_place(place))


async def test_a_paid_page_tells_its_quote_and_leaves_the_accounts_place() -> None:
    world = World()
    await started(world)
    world.provider.objects[CHECKOUT] = purchase(MARKED)
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    (paid,) = [parsed(fact) for fact in world.facts() if fact.type.endswith("CheckoutPaid")]
    assert isinstance(paid, CheckoutPaid)
    assert (paid.operation_id, paid.quote) == ("op_1", "quo_1")
    assert world.db.committed(PLACES)[NAME].state is PlaceState.COMPLETE


async def test_a_page_that_waits_for_its_bank_keeps_the_accounts_place() -> None:
    world = World()
    await started(world)
    world.provider.objects[CHECKOUT] = purchase(replace(MARKED, paid=False))
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    assert world.db.committed(PLACES)[NAME].state is PlaceState.OPEN


async def test_a_page_that_we_did_not_make_names_no_quote() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    (paid,) = [parsed(fact) for fact in world.facts() if fact.type.endswith("CheckoutPaid")]
    assert isinstance(paid, CheckoutPaid)
    assert paid.quote == ""


async def test_renewals_leave_tokens_to_whoever_waits_for_an_answer() -> None:
    world = World()
    world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=subscription())
    taken = int(FETCHES_PER_SECOND - LEFT_FOR_PEOPLE)
    for _ in range(taken):
        await world.tx.run(lambda store: store.take_token("memory:subscription", 25.0))
    await world.deliver("evt_1", "subscription.updated", "sub_1")
    await world.work()
    assert world.provider.fetched == []
    wait = await world.tx.run(lambda store: store.take_token("memory:subscription", 25.0))
    assert wait == 0.0
    world.clock.advance(1.0)
    await world.settle()
    assert world.provider.fetched == [SUBSCRIPTION]
