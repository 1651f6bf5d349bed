"""`python -m services.subscription` between the real pricing servicer and a small provisioner."""

from datetime import UTC, timedelta

import pytest

from services.chassis.errors import PermissionDenied
from services.chassis.facts import FactRecord, Outcome
from services.chassis.identity import acting
from tests.fakes.subscription_world import ADMIN
from tests.integration.subscription.stack import NOW, Stack, fact, paid
from tests.unit.chassis.rpc.starting import program
from tollgate.provisioner.v1 import events_pb2 as provisioner_pb
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb


async def test_a_payment_becomes_an_order_and_the_observation_comes_back(stack: Stack) -> None:
    payments = await stack.sink("payments")
    later = paid("cs_2")
    later.pay_time.FromDatetime(NOW + timedelta(seconds=1))
    answers = await payments.deliver([fact(paid("cs_1")), fact(paid("cs_1")), fact(later)])
    assert {answer.outcome for answer in answers} == {Outcome.ACCEPTED}
    [order] = await stack.provisioner.orders(1)
    assert order.phase == subscription_pb2.PHASE_RUNNING
    assert (order.plan, order.owner_subject) == ("sessions/professional", "ann")
    assert order.capacity.namespace.quota["pods"] == "50"
    assert order.receive_time.ToDatetime(tzinfo=UTC) == NOW

    seen = provisioner_pb.CapacityObserved(
        tenant="ten_1",
        account=order.account,
        incarnation=1,
        epoch=1,
        generation=1,
        phase=provisioner_pb2.TENANT_PHASE_READY,
        namespace="customer-1",
    )
    provisioner = await stack.sink("provisioner")
    [answer] = await provisioner.deliver([fact(seen, 1, "tenant:ten_1")])
    assert answer.outcome is Outcome.ACCEPTED
    stub = await stack.stub()
    with acting(ADMIN):
        request = pb.GetCapacityOrderRequest(account=order.account)
        found = (await stub.GetCapacityOrder(request)).order
        purchases = (await stub.ListPurchases(pb.ListPurchasesRequest())).purchases
    assert (found.observation.phase, found.observation.namespace) == ("Ready", "customer-1")
    statuses = {purchase.checkout_id: purchase.status for purchase in purchases}
    assert statuses == {
        "cs_1": subscription_pb2.Purchase.STATUS_APPLIED,
        "cs_2": subscription_pb2.Purchase.STATUS_REFUND_DUE,
    }
    stack.started.process.terminate()
    code, complaint = await stack.started.end()
    assert (code, complaint) == (0, "")
    alerts = [line["alert"] for line in stack.started.lines if "alert" in line]
    assert alerts == ["ACCOUNT_HAS_SUBSCRIPTION"]


async def test_what_can_never_be_taken_is_rejected_and_what_is_not_known_is_kept(
    stack: Stack,
) -> None:
    unpaid = paid("cs_1")
    unpaid.ClearField("pay_time")
    broken = FactRecord("fct_b", "k", 0, "tollgate.payments.v1.CheckoutPaid", b"\xff")
    new = FactRecord("fct_n", "k2", 0, "tollgate.payments.v1.Newer", b"x")
    payments, provisioner = await stack.sink("payments"), await stack.sink("provisioner")
    outcomes = [a.outcome for a in await payments.deliver([fact(unpaid), broken, new])]
    assert outcomes == [Outcome.REJECTED, Outcome.REJECTED, Outcome.ACCEPTED]
    [forged] = await provisioner.deliver([fact(paid("cs_2"))])
    assert forged.outcome is Outcome.REJECTED
    with pytest.raises(PermissionDenied):
        await (await stack.sink("gateway")).deliver([fact(paid("cs_3"))])


async def test_an_operator_raises_the_epoch_and_every_order_is_given_again(stack: Stack) -> None:
    await (await stack.sink("payments")).deliver([fact(paid("cs_1"))])
    await stack.provisioner.orders(1)
    arguments = ("raise-epoch", "--reason", "restored")
    async with program("services.subscription", *arguments, **stack.settings) as command:
        out, _ = await command.process.communicate()
    assert command.process.returncode == 0
    assert b"The epoch is 2" in out
    first, second = await stack.provisioner.orders(2)
    assert (first.epoch, second.epoch) == (1, 2)
    assert second.generation > first.generation
