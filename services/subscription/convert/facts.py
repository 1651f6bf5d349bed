"""Facts: those of the other services as they come, those of orders as they go."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from services.subscription.convert.notices import from_alerted
from services.subscription.convert.values import (
    from_proto_money,
    money_of,
    time_of,
    to_proto_addons,
    to_proto_capacity,
    to_proto_state,
    to_timestamp,
)
from services.subscription.domain import CapacityOrdered, Observation, OrderedSubscription, Phase
from services.subscription.incoming import (
    CheckoutPaid,
    Customer,
    InvoicePaid,
    InvoicePaymentFailed,
    Item,
    Payer,
    PaymentFact,
    PaymentReversed,
    ProviderStatus,
    ProviderSubscription,
    ReversalKind,
)
from services.subscription.noticing import BudgetNotice
from tollgate.payments.v1 import events_pb2 as payments_pb
from tollgate.pricing.v1 import events_pb2 as pricing_pb
from tollgate.provisioner.v1 import events_pb2 as provisioner_pb
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.subscription.v1 import events_pb2, subscription_pb2

Incoming = PaymentFact | Observation | BudgetNotice

MAX_ITEMS: Final = 100
_IDENTITIES: Final = frozenset({"user_id", "organization", "user_did", "hold_did"})
_PHASE_WORDS: Final = {
    provisioner_pb2.TENANT_PHASE_PENDING: "Progressing",
    provisioner_pb2.TENANT_PHASE_PROGRESSING: "Progressing",
    provisioner_pb2.TENANT_PHASE_READY: "Ready",
    provisioner_pb2.TENANT_PHASE_SUSPENDED: "Suspended",
    provisioner_pb2.TENANT_PHASE_DELETING: "Progressing",
    provisioner_pb2.TENANT_PHASE_DELETED: "Deleted",
    provisioner_pb2.TENANT_PHASE_FAILED: "Failed",
}
PHASES: Final = {
    Phase.RUNNING: subscription_pb2.PHASE_RUNNING,
    Phase.SUSPENDED: subscription_pb2.PHASE_SUSPENDED,
    Phase.DELETED: subscription_pb2.PHASE_DELETED,
}


def from_record(record: FactRecord) -> Incoming | None:
    """Read a fact, None if its type is not known; InvalidArgument if it can never be taken."""
    parse = _PARSERS.get(record.type)
    if parse is None:
        return None
    try:
        return parse(record)
    except (DecodeError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"{record.type}: {error}", reason="INVALID_FACT") from error


def source_of(type_name: str) -> str:
    """Return the service that owns a type of fact: the package that its message is in."""
    parts = type_name.split(".")
    return parts[1] if len(parts) == 4 else ""


def _required(value: str, field: str) -> str:
    if not value:
        raise ValueError(f"{field} is missing")
    return value


def _required_time(time: datetime | None, field: str) -> datetime:
    if time is None:
        raise ValueError(f"{field} is missing")
    return time


def _payer(message: payments_pb.ProviderCustomer) -> Payer:
    customer = Customer(
        _required(message.provider, "customer.provider"),
        _required(message.provider_account, "customer.provider_account"),
        message.customer_id,
    )
    identity = {key: text for key, text in message.identity.items() if key in _IDENTITIES}
    return Payer(customer, message.email, message.account_id, tuple(sorted(identity.items())))


def _items(messages: Sequence[payments_pb.LineItem]) -> tuple[Item, ...]:
    if len(messages) > MAX_ITEMS:
        raise ValueError(f"items: expected at most {MAX_ITEMS}, got {len(messages)}")
    return tuple(_item(message, place) for place, message in enumerate(messages))


def _item(message: payments_pb.LineItem, place: int) -> Item:
    if message.quantity < 1:
        raise ValueError(f"items[{place}].quantity: expected from 1, got {message.quantity}")
    price_id = _required(message.price_id, f"items[{place}].price_id")
    return Item(price_id, message.quantity, money_of(message, "subtotal"))


def _checkout(record: FactRecord) -> CheckoutPaid:
    message = payments_pb.CheckoutPaid.FromString(record.payload)
    return CheckoutPaid(
        checkout_id=_required(message.checkout_id, "checkout_id"),
        payer=_payer(message.customer),
        items=_items(message.items),
        total=money_of(message, "total"),
        pay_time=_required_time(time_of(message, "pay_time"), "pay_time"),
        subtotal=money_of(message, "subtotal"),
        provider_subscription_id=message.provider_subscription_id,
        operation_id=message.operation_id,
        invoice_id=message.invoice_id,
        receive_time=time_of(message, "receive_time"),
        quote=message.quote,
    )


def _invoice(record: FactRecord) -> InvoicePaid:
    message = payments_pb.InvoicePaid.FromString(record.payload)
    start, end = time_of(message, "period_start"), time_of(message, "period_end")
    return InvoicePaid(
        invoice_id=_required(message.invoice_id, "invoice_id"),
        payer=_payer(message.customer),
        provider_subscription_id=message.provider_subscription_id,
        billing_reason=message.billing_reason,
        paid=from_proto_money(message.paid),
        # Not every provider tells when; a payment counts all the same.
        pay_time=_required_time(time_of(message, "pay_time") or start or end, "pay_time"),
        period_start=start,
        period_end=end,
    )


def _failure(record: FactRecord) -> InvoicePaymentFailed:
    message = payments_pb.InvoicePaymentFailed.FromString(record.payload)
    return InvoicePaymentFailed(
        invoice_id=_required(message.invoice_id, "invoice_id"),
        attempt=message.attempt,
        payer=_payer(message.customer),
        provider_subscription_id=message.provider_subscription_id,
        failure_code=message.failure_code,
    )


def _reversal(record: FactRecord) -> PaymentReversed:
    message = payments_pb.PaymentReversed.FromString(record.payload)
    word = payments_pb.PaymentReversed.Kind.Name(message.kind)
    amount, paid = money_of(message, "amount"), money_of(message, "paid")
    if amount is None or paid is None or amount.minor_units <= 0 or paid.minor_units <= 0:
        raise ValueError("amount and paid: expected more than nothing")
    return PaymentReversed(
        reversal_id=_required(message.reversal_id, "reversal_id"),
        kind=ReversalKind(word.removeprefix("KIND_")),
        payer=_payer(message.customer),
        amount=amount,
        paid=paid,
        reverse_time=_required_time(time_of(message, "reverse_time"), "reverse_time"),
        invoice_id=message.invoice_id,
        provider_subscription_id=message.provider_subscription_id,
        checkout_id=message.checkout_id,
        reason=message.reason,
    )


def _provider_subscription(record: FactRecord) -> ProviderSubscription:
    _state_fact(record)
    message = payments_pb.ProviderSubscription.FromString(record.payload)
    word = payments_pb.ProviderSubscription.Status.Name(message.status)
    payer = _payer(message.customer)
    _required(payer.customer.customer_id, "customer.customer_id")
    return ProviderSubscription(
        provider_subscription_id=_required(
            message.provider_subscription_id, "provider_subscription_id"
        ),
        payer=payer,
        status=ProviderStatus(word.removeprefix("STATUS_")),
        items=_items(message.items),
        cancel_at_period_end=message.cancel_at_period_end,
        period_start=time_of(message, "period_start"),
        period_end=time_of(message, "period_end"),
        trial_end=time_of(message, "trial_end"),
        cancel_time=time_of(message, "cancel_time"),
        collection_paused=message.collection_paused,
    )


def _observation(record: FactRecord) -> Observation:
    _state_fact(record)
    message = provisioner_pb.CapacityObserved.FromString(record.payload)
    word = _PHASE_WORDS.get(message.phase)
    if word is None:
        raise ValueError(f"phase: {message.phase} is none that is known here")
    return Observation(
        tenant=_required(message.tenant, "tenant"),
        account=_required(message.account, "account"),
        incarnation=message.incarnation,
        epoch=message.epoch,
        generation=message.generation,
        revision=record.revision,
        phase=word,
        reason=message.reason,
        namespace=message.namespace,
        observe_time=time_of(message, "observe_time"),
    )


def _state_fact(record: FactRecord) -> None:
    if record.revision < 1:
        raise ValueError(f"a state fact has a revision from 1, not {record.revision}")


_PARSERS: Mapping[str, Callable[[FactRecord], Incoming]] = MappingProxyType(
    {
        payments_pb.CheckoutPaid.DESCRIPTOR.full_name: _checkout,
        payments_pb.InvoicePaid.DESCRIPTOR.full_name: _invoice,
        payments_pb.InvoicePaymentFailed.DESCRIPTOR.full_name: _failure,
        payments_pb.PaymentReversed.DESCRIPTOR.full_name: _reversal,
        payments_pb.ProviderSubscription.DESCRIPTOR.full_name: _provider_subscription,
        provisioner_pb.CapacityObserved.DESCRIPTOR.full_name: _observation,
        pricing_pb.BudgetAlerted.DESCRIPTOR.full_name: from_alerted,
    }
)
KNOWN_TYPES: Final = tuple(_PARSERS)


def _told(holding: OrderedSubscription) -> events_pb2.OrderedSubscription:
    return events_pb2.OrderedSubscription(
        subscription=holding.subscription,
        state=to_proto_state(holding.state),
        plan_display_name=holding.plan_display_name,
        addons=to_proto_addons(holding.addons),
        provider=holding.provider,
        provider_subscription_id=holding.provider_subscription_id,
        provider_customer_id=holding.provider_customer_id,
        begin_time=to_timestamp(holding.begin_time),
        suspend_time=to_timestamp(holding.suspend_time),
        trial_end_time=to_timestamp(holding.trial_end_time),
    )


def to_record(fact: CapacityOrdered, traceparent: str) -> FactRecord:
    """Write the fact of an order, for the provisioner; a replay makes the same id."""
    order = fact.order
    message = events_pb2.CapacityOrdered(
        account=order.account,
        incarnation=order.incarnation,
        epoch=order.epoch,
        generation=order.generation,
        phase=PHASES[order.phase],
        plan=order.plan,
        capacity=to_proto_capacity(order.capacity),
        owner_subject=order.owner_subject,
        organization=order.organization,
        paid_until=to_timestamp(order.paid_until),
        receive_time=to_timestamp(fact.receive_time),
        subscription=_told(order.holding) if order.holding else None,
    )
    numbers = (str(order.incarnation), str(order.epoch), str(order.generation))
    return FactRecord(
        id=derived("fct", "subscription", "capacity", order.account, *numbers),
        key=f"capacity:{order.account}/{order.incarnation}",
        revision=order.generation,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(deterministic=True),
        destinations=("provisioner",),
        traceparent=traceparent,
    )
