"""Facts of payments as bytes for their consumers."""

from collections.abc import Mapping

from google.protobuf.message import Message

from services.chassis.facts import FactRecord
from services.payments.convert.values import money, timestamp
from services.payments.facts import (
    CheckoutPaid,
    Fact,
    InvoicePaid,
    InvoicePaymentFailed,
    Payer,
    PaymentReversed,
    SubscriptionState,
)
from services.payments.views import Item, ReversalKind, SubscriptionStatus
from tollgate.common.v1 import facts_pb2
from tollgate.payments.v1 import events_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb

DESTINATIONS = ("subscription",)
"""Who is told every fact of payments."""

_Status = events_pb2.ProviderSubscription
_STATUSES: Mapping[SubscriptionStatus, "events_pb2.ProviderSubscription.Status.ValueType"] = {
    SubscriptionStatus.INCOMPLETE: _Status.STATUS_INCOMPLETE,
    SubscriptionStatus.INCOMPLETE_EXPIRED: _Status.STATUS_INCOMPLETE_EXPIRED,
    SubscriptionStatus.TRIALING: _Status.STATUS_TRIALING,
    SubscriptionStatus.ACTIVE: _Status.STATUS_ACTIVE,
    SubscriptionStatus.PAST_DUE: _Status.STATUS_PAST_DUE,
    SubscriptionStatus.UNPAID: _Status.STATUS_UNPAID,
    SubscriptionStatus.PAUSED: _Status.STATUS_PAUSED,
    SubscriptionStatus.CANCELED: _Status.STATUS_CANCELED,
}

_REVERSALS: Mapping[ReversalKind, "events_pb2.PaymentReversed.Kind.ValueType"] = {
    ReversalKind.REFUND: events_pb2.PaymentReversed.KIND_REFUND,
    ReversalKind.REFUND_FAILED: events_pb2.PaymentReversed.KIND_REFUND_FAILED,
    ReversalKind.DISPUTE: events_pb2.PaymentReversed.KIND_DISPUTE,
    ReversalKind.DISPUTE_WON: events_pb2.PaymentReversed.KIND_DISPUTE_WON,
}


def to_fact_record(fact: Fact, traceparent: str) -> FactRecord:
    """Make the bytes of a fact."""
    message = _payload(fact)
    return FactRecord(
        id=fact.id,
        key=fact.key,
        revision=fact.revision,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(deterministic=True),
        destinations=DESTINATIONS,
        traceparent=traceparent,
    )


def to_proto_refreshed(
    state: SubscriptionState, traceparent: str
) -> pb.RefreshSubscriptionResponse:
    """Show a subscription as the outbox tells of it."""
    record = to_fact_record(state, traceparent)
    fact = facts_pb2.Fact(
        id=record.id,
        key=record.key,
        revision=record.revision,
        type=record.type,
        payload=record.payload,
        traceparent=record.traceparent,
    )
    return pb.RefreshSubscriptionResponse(fact=fact)


def _payload(fact: Fact) -> Message:
    match fact:
        case CheckoutPaid():
            return _checkout_paid(fact)
        case InvoicePaid():
            return _invoice_paid(fact)
        case InvoicePaymentFailed():
            return events_pb2.InvoicePaymentFailed(
                invoice_id=fact.invoice_id,
                attempt=fact.attempt,
                customer=_customer(fact.payer),
                provider_subscription_id=fact.subscription_id,
                failure_code=fact.failure_code,
            )
        case PaymentReversed():
            return _payment_reversed(fact)
        case SubscriptionState():
            return to_proto_subscription(fact)


def _checkout_paid(fact: CheckoutPaid) -> events_pb2.CheckoutPaid:
    return events_pb2.CheckoutPaid(
        checkout_id=fact.checkout_id,
        customer=_customer(fact.payer),
        provider_subscription_id=fact.subscription_id,
        items=[_item(item) for item in fact.items],
        subtotal=money(fact.subtotal),
        total=money(fact.total),
        pay_time=timestamp(fact.pay_time),
        operation_id=fact.operation_id,
        invoice_id=fact.invoice_id,
        receive_time=timestamp(fact.receive_time),
        quote=fact.quote,
    )


def _invoice_paid(fact: InvoicePaid) -> events_pb2.InvoicePaid:
    return events_pb2.InvoicePaid(
        invoice_id=fact.invoice_id,
        customer=_customer(fact.payer),
        provider_subscription_id=fact.subscription_id,
        billing_reason=fact.billing_reason,
        paid=money(fact.paid),
        period_start=timestamp(fact.period_start),
        period_end=timestamp(fact.period_end),
        pay_time=timestamp(fact.pay_time),
    )


def _payment_reversed(fact: PaymentReversed) -> events_pb2.PaymentReversed:
    return events_pb2.PaymentReversed(
        reversal_id=fact.reversal_id,
        kind=_REVERSALS[fact.kind],
        customer=_customer(fact.payer),
        invoice_id=fact.invoice_id,
        provider_subscription_id=fact.subscription_id,
        checkout_id=fact.checkout_id,
        amount=money(fact.amount),
        paid=money(fact.paid),
        reverse_time=timestamp(fact.reverse_time),
        reason=fact.reason,
    )


def to_proto_subscription(fact: SubscriptionState) -> events_pb2.ProviderSubscription:
    """Show a subscription as the provider has it."""
    view = fact.view
    return events_pb2.ProviderSubscription(
        provider_subscription_id=view.id,
        customer=_customer(fact.payer),
        status=_STATUSES[view.status],
        items=[_item(item) for item in view.items],
        cancel_at_period_end=view.cancel_at_period_end,
        period_start=timestamp(view.period_start),
        period_end=timestamp(view.period_end),
        trial_end=timestamp(view.trial_end),
        cancel_time=timestamp(view.cancel_time),
        collection_paused=view.collection_paused,
    )


def _customer(payer: Payer) -> events_pb2.ProviderCustomer:
    return events_pb2.ProviderCustomer(
        provider=payer.provider,
        provider_account=payer.provider_account,
        customer_id=payer.customer_id,
        email=payer.email,
        account_id=payer.account_id,
        identity=payer.identity,
    )


def _item(item: Item) -> events_pb2.LineItem:
    return events_pb2.LineItem(
        price_id=item.price_id, quantity=item.quantity, subtotal=money(item.subtotal)
    )
