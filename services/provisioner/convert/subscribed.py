"""What an order tells of its subscription, between its message and the domain."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.provisioner.convert.times import from_time, to_optional
from services.provisioner.domain import Subscribed, SubscriptionState
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import events_pb2, subscription_pb2

_STATES = {
    subscription_pb2.State.Value(f"STATE_{state.value}"): state for state in SubscriptionState
}
_NUMBERS = {state: number for number, state in _STATES.items()}


def from_proto_subscribed(message: events_pb2.OrderedSubscription) -> Subscribed | None:
    """Convert what an order tells; None for a state that is not set or not known here yet."""
    state = _STATES.get(message.state)
    if state is None:
        return None
    return Subscribed(
        subscription=message.subscription,
        state=state,
        plan_display_name=message.plan_display_name,
        addons=tuple((one.addon, one.quantity) for one in message.addons),
        provider=message.provider,
        provider_subscription_id=message.provider_subscription_id,
        provider_customer_id=message.provider_customer_id,
        begin_time=_time(message, "begin_time", message.begin_time),
        suspend_time=_time(message, "suspend_time", message.suspend_time),
        trial_end_time=_time(message, "trial_end_time", message.trial_end_time),
    )


def to_proto_subscribed(told: Subscribed) -> events_pb2.OrderedSubscription:
    """Convert what an order told."""
    return events_pb2.OrderedSubscription(
        subscription=told.subscription,
        state=_NUMBERS[told.state],
        plan_display_name=told.plan_display_name,
        addons=[
            pricing_pb2.AddonQuantity(addon=addon, quantity=quantity)
            for addon, quantity in told.addons
        ],
        provider=told.provider,
        provider_subscription_id=told.provider_subscription_id,
        provider_customer_id=told.provider_customer_id,
        begin_time=to_optional(told.begin_time),
        suspend_time=to_optional(told.suspend_time),
        trial_end_time=to_optional(told.trial_end_time),
    )


def subscribed_to_bytes(told: Subscribed) -> bytes:
    """Return what is stored of it."""
    return to_proto_subscribed(told).SerializeToString(deterministic=True)


def subscribed_from_bytes(raw: bytes) -> Subscribed | None:
    """Return what was stored."""
    return from_proto_subscribed(events_pb2.OrderedSubscription.FromString(raw))


def _time(message: events_pb2.OrderedSubscription, field: str, stamp: Timestamp) -> datetime | None:
    return from_time(stamp) if message.HasField(field) else None  # type: ignore[arg-type] # a literal
