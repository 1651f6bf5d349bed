"""What is read from the wire, what is refused there, and who may call what."""

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message

from services.chassis.access import check_complete
from services.chassis.env import ConfigError, Env
from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.money import Money
from services.chassis.sink import DELIVER
from services.subscription import convert
from services.subscription.access import ACCESS
from services.subscription.config import read_config, read_database
from services.subscription.domain import CapacityOrdered, Observation, Order, Phase
from services.subscription.incoming import (
    CheckoutPaid,
    InvoicePaid,
    PaymentReversed,
    ProviderStatus,
    ProviderSubscription,
    ReversalKind,
)
from tests.fakes.subscription_world import namespace
from tollgate.payments.v1 import events_pb2 as payments_pb
from tollgate.provisioner.v1 import events_pb2 as provisioner_pb
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.subscription.v1 import credit_service_pb2 as credit_pb
from tollgate.subscription.v1 import events_pb2, subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def paid() -> payments_pb.CheckoutPaid:
    message = payments_pb.CheckoutPaid(checkout_id="cs_1")
    message.customer.provider, message.customer.provider_account = "stripe", "acct_1"
    message.customer.identity["user_id"] = "ann"
    message.customer.identity["note"] = "not a name"
    message.items.add(price_id="price_a", quantity=2)
    message.total.currency, message.total.minor_units = "usd", 4900
    message.pay_time.FromDatetime(NOW)
    return message


def record(message: Message) -> FactRecord:
    type_name = message.DESCRIPTOR.full_name
    return FactRecord("fct_1", "k", 1, type_name, message.SerializeToString())


def test_a_checkout_is_read_with_the_identities_that_name_somebody() -> None:
    fact = convert.from_record(record(paid()))
    assert isinstance(fact, CheckoutPaid)
    assert fact.payer.identity == (("user_id", "ann"),)
    assert (fact.items[0].price_id, fact.items[0].quantity, fact.pay_time) == ("price_a", 2, NOW)
    assert fact.subtotal is None
    assert fact.receive_time is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.ClearField("checkout_id"),
        lambda m: m.ClearField("pay_time"),
        lambda m: m.customer.ClearField("provider"),
        lambda m: m.customer.ClearField("provider_account"),
        lambda m: setattr(m.items[0], "quantity", 0),
        lambda m: m.items[0].ClearField("price_id"),
        lambda m: setattr(m.total, "currency", "zzz"),
        lambda m: m.items.extend([m.items[0]] * 100),
        lambda m: setattr(m.pay_time, "seconds", 10**15),
        lambda m: setattr(m.pay_time, "seconds", -62_135_596_801),
        lambda m: setattr(m.pay_time, "nanos", -1),
        lambda m: setattr(m.pay_time, "nanos", 10**9),
    ],
)
def test_a_fact_that_is_out_of_bounds_can_never_be_taken(spoil) -> None:  # type: ignore[no-untyped-def]  # lambdas
    message = paid()
    spoil(message)
    with pytest.raises(InvalidArgument):
        convert.from_record(record(message))


def test_what_a_provider_may_leave_out_is_no_reason_to_lose_money() -> None:
    message = paid()
    message.ClearField("total")
    fact = convert.from_record(record(message))
    assert isinstance(fact, CheckoutPaid)
    assert fact.total is None
    invoice = payments_pb.InvoicePaid(invoice_id="in_1", customer=message.customer)
    invoice.paid.currency = "usd"
    invoice.period_start.FromDatetime(NOW)
    read = convert.from_record(record(invoice))
    assert isinstance(read, InvoicePaid)
    assert read.pay_time == NOW


def test_a_type_that_is_not_known_is_no_error() -> None:
    assert convert.from_record(FactRecord("f", "k", 0, "tollgate.payments.v1.New", b"\xff")) is None
    assert convert.source_of("tollgate.payments.v1.New") == "payments"
    assert convert.source_of("nonsense") == ""


@pytest.mark.parametrize("status", list(ProviderStatus))
def test_every_status_of_the_contract_is_read(status: ProviderStatus) -> None:
    number = payments_pb.ProviderSubscription.Status.Value(f"STATUS_{status}")
    message = payments_pb.ProviderSubscription(provider_subscription_id="sub_1", status=number)
    message.customer.CopyFrom(paid().customer)
    message.customer.customer_id = "cus_1"
    fact = convert.from_record(record(message))
    assert isinstance(fact, ProviderSubscription)
    assert fact.status is status


def test_a_status_that_says_nothing_is_refused() -> None:
    message = payments_pb.ProviderSubscription(provider_subscription_id="sub_1")
    message.customer.CopyFrom(paid().customer)
    message.customer.customer_id = "cus_1"
    with pytest.raises(InvalidArgument):
        convert.from_record(record(message))


@pytest.mark.parametrize("phase", provisioner_pb2.TenantPhase.values())
def test_every_phase_of_a_tenant_has_a_word(phase: provisioner_pb2.TenantPhase.ValueType) -> None:
    message = provisioner_pb.CapacityObserved(tenant="ten_1", account="acc_1", phase=phase)
    name = message.DESCRIPTOR.full_name
    fact = FactRecord("f", "k", 3, name, message.SerializeToString())
    if phase == provisioner_pb2.TENANT_PHASE_UNSPECIFIED:
        with pytest.raises(InvalidArgument):
            convert.from_record(fact)
        return
    observation = convert.from_record(fact)
    assert isinstance(observation, Observation)
    assert observation.revision == 3
    assert observation.phase in {"Ready", "Progressing", "Suspended", "Deleted", "Failed"}


def test_a_state_fact_without_a_revision_is_refused() -> None:
    name = provisioner_pb.CapacityObserved.DESCRIPTOR.full_name
    message = provisioner_pb.CapacityObserved(
        tenant="ten_1", account="acc_1", phase=provisioner_pb2.TENANT_PHASE_READY
    )
    with pytest.raises(InvalidArgument):
        convert.from_record(FactRecord("f", "k", 0, name, message.SerializeToString()))


def test_an_order_makes_the_same_fact_again_and_another_for_another_epoch() -> None:
    order = Order("acc_1", 2, 1, 7, Phase.SUSPENDED, "shop/basic", namespace(3), "ann", "")
    fact = convert.to_record(CapacityOrdered(order, NOW), "00-a-b-01")
    assert fact == convert.to_record(CapacityOrdered(order, NOW), "00-a-b-01")
    assert (fact.key, fact.revision, fact.destinations) == (
        "capacity:acc_1/2",
        7,
        ("provisioner",),
    )
    message = events_pb2.CapacityOrdered.FromString(fact.payload)
    assert message.capacity.namespace.quota["pods"] == "3"
    assert message.phase == subscription_pb2.PHASE_SUSPENDED
    assert not message.HasField("paid_until")
    raised = Order("acc_1", 2, 2, 7, Phase.SUSPENDED, "shop/basic", namespace(3), "ann", "")
    assert convert.to_record(CapacityOrdered(raised), "").id != fact.id


def test_the_digest_of_a_request_leaves_its_key_out_and_nothing_else() -> None:
    kind = subscription_pb2.Account.KIND_USER
    first = convert.from_account_request(
        pb.CreateAccountRequest(kind=kind, external_id="ann", request_id="r1")
    )
    second = convert.from_account_request(
        pb.CreateAccountRequest(kind=kind, external_id="ann", request_id="r2")
    )
    other = convert.from_account_request(
        pb.CreateAccountRequest(kind=kind, external_id="bob", request_id="r1")
    )
    assert first.request_hash == second.request_hash != other.request_hash
    with pytest.raises(InvalidArgument):
        convert.from_account_request(pb.CreateAccountRequest(external_id="ann"))


def test_every_rpc_has_a_rule_and_facts_come_from_their_owners_only() -> None:
    served = (
        pb.DESCRIPTOR.services_by_name["SubscriptionService"],
        credit_pb.DESCRIPTOR.services_by_name["CreditService"],
    )
    methods = [f"/{one.full_name}/{method.name}" for one in served for method in one.methods]
    check_complete([*methods, DELIVER], ACCESS)
    rule = ACCESS[DELIVER]
    assert rule.callers == {"payments", "pricing", "provisioner"}
    assert not rule.roles


def test_the_settings_name_everything_that_is_missing() -> None:
    env = Env({"TOLLGATE_KUBE_USER_CLAIM": "shoe_size"})
    read_config(env)
    with pytest.raises(ConfigError) as caught:
        env.finish()
    text = str(caught.value)
    for name in (
        "TOLLGATE_PRICING_TARGET",
        "TOLLGATE_PAYMENTS_TARGET",
        "TOLLGATE_PROVISIONER_TARGET",
        "TOLLGATE_KUBE_USER_CLAIM",
        "DATABASE_URL",
    ):
        assert name in text


def test_an_operators_command_needs_only_the_database() -> None:
    env = Env({"DATABASE_URL": "postgresql://subscription@127.0.0.1/tollgate"})
    assert read_database(env).startswith("postgresql://")
    env.finish()


def test_a_reversal_is_read_and_one_of_nothing_is_refused() -> None:
    message = payments_pb.PaymentReversed(
        reversal_id="re_1", kind=payments_pb.PaymentReversed.KIND_REFUND, invoice_id="in_1"
    )
    message.customer.CopyFrom(paid().customer)
    message.paid.currency = message.amount.currency = "usd"
    message.paid.minor_units = 4900
    message.reverse_time.FromSeconds(1)
    name = payments_pb.PaymentReversed.DESCRIPTOR.full_name
    with pytest.raises(InvalidArgument):
        convert.from_record(FactRecord("f", "k", 0, name, message.SerializeToString()))
    message.amount.minor_units = 900
    fact = convert.from_record(FactRecord("f", "k", 0, name, message.SerializeToString()))
    assert isinstance(fact, PaymentReversed)
    assert (fact.reversal_id, fact.kind, fact.amount) == (
        "re_1",
        ReversalKind.REFUND,
        Money("usd", 900),
    )
