"""Money that went back, or came back after all: each movement counts once, whoever tells of it."""

from typing import Any

import pytest

from services.chassis.money import Money
from services.payments.binding import Operation, OperationKind
from services.payments.domain import AccountId, ObjectRef, OperationId, RootKind
from services.payments.providers.stripe.pages import disputed_of
from services.payments.providers.stripe.reading import Node
from services.payments.providers.stripe.reversals import Joined, to_reversal, took
from services.payments.views import Marker, Projection, ReversalKind, ReversalView
from tests.unit.payments.world import CUSTOMER, NOON, World, parsed
from tollgate.payments.v1.events_pb2 import PaymentReversed

REFUND = ObjectRef(RootKind.REFUND, "re_1")
DISPUTE = ObjectRef(RootKind.DISPUTE, "dp_1")
MARKER = Marker("op_1", "tollgate", "acc_1")
METADATA = {
    "tollgate_operation": "op_1",
    "tollgate_deployment": "tollgate",
    "tollgate_account": "acc_1",
}


def moved(**changes: Any) -> Node:
    told = {
        "id": "re_1",
        "amount": 2000,
        "currency": "eur",
        "created": 1767268800,
        "status": "succeeded",
        "reason": "requested_by_customer",
        "charge": {
            "id": "ch_1",
            "amount_captured": 4900,
            "customer": {"id": "cus_1", "metadata": {"organization": "acme"}},
        },
        "payment_intent": {"id": "pi_1", "metadata": {}},
        "metadata": {},
    }
    return Node(told | changes, "re_1")


def invoice(metadata: dict[str, str]) -> Node:
    details = {"subscription": "sub_1", "metadata": metadata}
    return Node({"id": "in_1", "parent": {"subscription_details": details}}, "in_1")


def test_a_refund_is_read_with_what_it_takes_back() -> None:
    joined = Joined(invoice(METADATA), Node({"id": "cs_1"}, "cs_1"))
    view = to_reversal(REFUND, moved(), joined)
    assert (view.id, view.movements) == ("re_1", (ReversalKind.REFUND,))
    assert (view.amount, view.paid) == (Money("eur", 2000), Money("eur", 4900))
    assert (view.invoice_id, view.subscription_id, view.checkout_id) == ("in_1", "sub_1", "cs_1")
    assert (view.customer.id, view.customer.identity) == ("cus_1", {"organization": "acme"})
    assert (view.marker, view.reason) == (MARKER, "requested_by_customer")


@pytest.mark.parametrize(
    ("status", "movements"),
    [
        ("succeeded", (ReversalKind.REFUND,)),
        ("failed", (ReversalKind.REFUND_FAILED,)),
        ("canceled", (ReversalKind.REFUND_FAILED,)),
        ("pending", ()),
        ("requires_action", ()),
    ],
)
def test_only_a_refund_that_succeeded_has_moved_money(
    status: str, movements: tuple[ReversalKind, ...]
) -> None:
    assert to_reversal(REFUND, moved(status=status), Joined()).movements == movements


@pytest.mark.parametrize(
    ("status", "movements"),
    [
        ("needs_response", (ReversalKind.DISPUTE,)),
        ("under_review", (ReversalKind.DISPUTE,)),
        ("lost", (ReversalKind.DISPUTE,)),
        ("won", (ReversalKind.DISPUTE, ReversalKind.DISPUTE_WON)),
        ("warning_needs_response", ()),
        ("warning_closed", ()),
        ("prevented", ()),
    ],
)
def test_a_dispute_takes_the_money_and_an_inquiry_does_not(
    status: str, movements: tuple[ReversalKind, ...]
) -> None:
    assert to_reversal(DISPUTE, moved(id="dp_1", status=status), Joined()).movements == movements


def test_what_we_wrote_is_read_from_the_refund_first_and_from_the_intent_last() -> None:
    own = to_reversal(REFUND, moved(metadata=METADATA), Joined(invoice({})))
    intent = {"id": "pi_1", "metadata": METADATA}
    of_intent = to_reversal(REFUND, moved(payment_intent=intent), Joined())
    assert own.marker == of_intent.marker == MARKER
    assert to_reversal(REFUND, moved(), Joined(invoice({}))).marker is None


def seen(root: ObjectRef, *movements: ReversalKind, marker: Marker | None = None) -> Projection:
    view = ReversalView(
        kind=root.kind,
        id=root.id,
        movements=movements,
        amount=Money("eur", 2000),
        paid=Money("eur", 4900),
        customer=CUSTOMER,
        time=NOON,
        invoice_id="in_1",
        subscription_id="sub_1",
        checkout_id="cs_1",
        reason="fraudulent",
        marker=marker,
    )
    return Projection(root, reversal=view)


def told(world: World) -> list[PaymentReversed]:
    facts = [parsed(fact) for fact in world.facts() if fact.type.endswith("PaymentReversed")]
    return [fact for fact in facts if isinstance(fact, PaymentReversed)]


async def fold(world: World, number: int, projection: Projection) -> None:
    world.provider.objects[projection.root] = projection
    root = projection.root
    await world.deliver(f"evt_{number}", f"{root.kind}.changed", root.id)
    await world.settle()


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        ("needs_response", True),
        ("under_review", True),
        ("lost", True),
        ("won", False),
        ("warning_needs_response", False),
        ("warning_closed", False),
    ],
)
def test_a_dispute_has_the_money_unless_it_only_asks_or_was_won(
    status: str, *, taken: bool
) -> None:
    assert took(Node({"status": status}, "dp_1")) is taken


def test_a_dispute_counted_in_another_currency_has_all_of_the_money() -> None:
    dispute = Node({"amount": 2000, "currency": "eur"}, "dp_1")
    assert disputed_of(dispute, Money("eur", 4900)) == Money("eur", 2000)
    assert disputed_of(dispute, Money("usd", 4900)) == Money("usd", 4900)


async def test_a_refund_is_told_once_however_many_events_tell_of_it() -> None:
    world = World()
    for number in range(3):
        await fold(world, number, seen(REFUND, ReversalKind.REFUND))
    (back,) = told(world)
    assert (back.kind, back.amount.minor_units) == (PaymentReversed.KIND_REFUND, 2000)
    assert (back.invoice_id, back.provider_subscription_id) == ("in_1", "sub_1")
    assert (back.checkout_id, back.paid.minor_units) == ("cs_1", 4900)
    assert back.reverse_time.ToSeconds() == int(NOON.timestamp())


async def test_a_refund_that_fails_after_it_succeeded_counts_back() -> None:
    world = World()
    await fold(world, 1, seen(REFUND, ReversalKind.REFUND))
    await fold(world, 2, seen(REFUND, ReversalKind.REFUND_FAILED))
    kinds = [PaymentReversed.KIND_REFUND, PaymentReversed.KIND_REFUND_FAILED]
    assert [back.kind for back in told(world)] == kinds


async def test_a_refund_that_was_never_seen_as_made_has_nothing_to_count_back() -> None:
    world = World()
    await fold(world, 1, seen(REFUND))
    await fold(world, 2, seen(REFUND, ReversalKind.REFUND_FAILED))
    assert told(world) == []


async def test_a_dispute_that_was_won_tells_both_ways_even_if_its_begin_was_missed() -> None:
    world = World()
    won = (ReversalKind.DISPUTE, ReversalKind.DISPUTE_WON)
    await fold(world, 1, seen(DISPUTE, *won))
    await fold(world, 2, seen(DISPUTE, *won))
    assert [back.kind for back in told(world)] == [
        PaymentReversed.KIND_DISPUTE,
        PaymentReversed.KIND_DISPUTE_WON,
    ]


async def test_a_refund_of_ours_names_the_account_of_its_operation() -> None:
    world = World()
    operation = Operation(
        OperationId("op_1"),
        OperationKind.REFUND,
        AccountId("acc_1"),
        "memory",
        "acct_memory",
        "tollgate",
        b"",
        b"",
    )
    await world.tx.run(lambda store: store.put_operation(operation))
    await fold(world, 1, seen(REFUND, ReversalKind.REFUND, marker=MARKER))
    (back,) = told(world)
    assert back.customer.account_id == "acc_1"
