"""Budgets and alerts as messages, and as the bytes that the store keeps."""

import hashlib
from collections.abc import Sequence
from datetime import UTC

from google.protobuf.message import Message

from services.pricing.convert.catalogs import to_proto_money
from services.pricing.convert.costs import from_proto_money
from services.pricing.costs.budgets import Alert, Basis, Budget, BudgetWish, Threshold
from services.pricing.costs.convert.facts import to_time
from services.pricing.costs.convert.reports import from_proto_filter, to_proto_filter
from services.pricing.costs.telling import Channel, Delivery, DeliveryState
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb

_BASES = {one: cost_pb2.BudgetThreshold.Basis.Value(f"BASIS_{one.value}") for one in Basis}
_CHANNELS = {one: cost_pb2.AlertDelivery.Channel.Value(f"CHANNEL_{one.value}") for one in Channel}
_STATES = {one: cost_pb2.AlertDelivery.State.Value(f"STATE_{one.value}") for one in DeliveryState}
_READ_BASES = {number: basis for basis, number in _BASES.items()}


def from_proto_wish(message: cost_pb2.Budget) -> BudgetWish:
    """Read a budget as it is asked for; nothing in it was looked at."""
    return BudgetWish(
        display_name=message.display_name,
        filter=from_proto_filter(message.filter),
        currency=message.amount.currency,
        minor_units=message.amount.minor_units,
        thresholds=tuple(from_proto_threshold(one) for one in message.thresholds),
        emails=tuple(message.emails),
        webhook_url=message.webhook_url,
    )


def from_proto_change(
    request: pb.CreateBudgetRequest | pb.UpdateBudgetRequest | pb.DeleteBudgetRequest,
) -> tuple[str, bytes]:
    """Return the idempotency key of a request, and what says what it is for."""
    content = type(request)()
    _copy(request, content)
    content.request_id = ""
    return request.request_id, hashlib.sha256(
        content.SerializeToString(deterministic=True)
    ).digest()


def to_proto_budget(budget: Budget) -> cost_pb2.Budget:
    """Convert a budget."""
    return cost_pb2.Budget(
        name=budget.name,
        display_name=budget.display_name,
        filter=to_proto_filter(budget.filter),
        amount=to_proto_money(budget.amount),
        thresholds=[to_proto_threshold(one) for one in budget.thresholds],
        create_time=to_time(budget.create_time),
        update_time=to_time(budget.update_time),
        etag=budget.etag,
        emails=budget.emails,
        webhook_url=budget.webhook_url,
    )


def to_proto_alert(alert: Alert, deliveries: Sequence[Delivery] = ()) -> cost_pb2.BudgetAlert:
    """Convert an alert, with who is told of it."""
    return cost_pb2.BudgetAlert(
        name=alert.name,
        budget=alert.budget,
        month=alert.month,
        threshold=to_proto_threshold(alert.threshold),
        amount=to_proto_money(alert.amount),
        found=to_proto_money(alert.found),
        create_time=to_time(alert.create_time),
        deliveries=[
            cost_pb2.AlertDelivery(
                name=one.name,
                channel=_CHANNELS[one.channel],
                target=one.target,
                state=_STATES[one.state],
                attempts=one.attempts,
                last_error=one.last_error,
            )
            for one in deliveries
        ],
    )


def encode_budget(budget: Budget) -> bytes:
    """Write a budget."""
    return to_proto_budget(budget).SerializeToString(deterministic=True)


def decode_budget(content: bytes) -> Budget:
    """Read back what ``encode_budget`` wrote."""
    message = cost_pb2.Budget.FromString(content)
    return Budget(
        name=message.name,
        display_name=message.display_name,
        filter=from_proto_filter(message.filter),
        amount=from_proto_money(message.amount),
        thresholds=tuple(from_proto_threshold(one) for one in message.thresholds),
        create_time=message.create_time.ToDatetime(UTC),
        update_time=message.update_time.ToDatetime(UTC),
        revision=int(message.etag),
        emails=tuple(message.emails),
        webhook_url=message.webhook_url,
    )


def encode_alert(alert: Alert) -> bytes:
    """Write an alert, but for its number and who may see it."""
    return to_proto_alert(alert).SerializeToString(deterministic=True)


def decode_alert(content: bytes) -> Alert:
    """Read back what ``encode_alert`` wrote."""
    message = cost_pb2.BudgetAlert.FromString(content)
    return Alert(
        name=message.name,
        budget=message.budget,
        month=message.month,
        threshold=from_proto_threshold(message.threshold),
        amount=from_proto_money(message.amount),
        found=from_proto_money(message.found),
        create_time=message.create_time.ToDatetime(UTC),
    )


def from_proto_threshold(message: cost_pb2.BudgetThreshold) -> Threshold:
    """Read a threshold; one of an unknown basis has none."""
    return Threshold(message.percent, _READ_BASES.get(message.basis))


def to_proto_threshold(threshold: Threshold) -> cost_pb2.BudgetThreshold:
    """Convert a threshold that was looked at."""
    if threshold.basis is None:
        raise ValueError("a threshold without basis is never stored")
    return cost_pb2.BudgetThreshold(percent=threshold.percent, basis=_BASES[threshold.basis])


def _copy(source: Message, target: Message) -> None:
    target.CopyFrom(source)
