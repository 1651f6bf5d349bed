"""Times, money, states, add-ons and capacity, both ways."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.money import Money
from services.subscription.domain import State
from services.subscription.offers import AddonQuantity, Capacity, CapacityKind
from tollgate.common.v1 import capacity_pb2, money_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2

_STATES: Final = {
    State.INCOMPLETE: subscription_pb2.STATE_INCOMPLETE,
    State.TRIALING: subscription_pb2.STATE_TRIALING,
    State.ACTIVE: subscription_pb2.STATE_ACTIVE,
    State.PAST_DUE: subscription_pb2.STATE_PAST_DUE,
    State.SUSPENDED: subscription_pb2.STATE_SUSPENDED,
    State.PAUSED: subscription_pb2.STATE_PAUSED,
    State.CANCELING: subscription_pb2.STATE_CANCELING,
    State.CANCELED: subscription_pb2.STATE_CANCELED,
    State.EXPIRED: subscription_pb2.STATE_EXPIRED,
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799


def time_of(message: Message, field: str) -> datetime | None:
    """Return a timestamp field, None where it is not set; ValueError if it is out of range."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    seconds, nanos = stamp.seconds, stamp.nanos
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < 1_000_000_000):
        raise ValueError(f"{field} is out of range")
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)


def to_timestamp(time: datetime | None) -> Timestamp | None:
    """Return a timestamp, None for no time."""
    if time is None:
        return None
    # The library's own way goes by a calendar, which is a tenth of an entitlement's cost.
    since = time - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def from_proto_money(message: money_pb2.Money) -> Money:
    """Read an amount; ValueError if nobody knows its currency."""
    return Money(message.currency, message.minor_units)


def to_proto_money(money: Money | None) -> money_pb2.Money | None:
    """Write an amount, None for none."""
    return (
        None
        if money is None
        else money_pb2.Money(currency=money.currency, minor_units=money.minor_units)
    )


def money_of(message: Message, field: str) -> Money | None:
    """Return an amount field, None where it is not set; ValueError for an unknown currency."""
    return from_proto_money(getattr(message, field)) if message.HasField(field) else None


def from_proto_capacity(message: capacity_pb2.Capacity) -> Capacity:
    """Read a capacity; ValueError if it has no kind that is known here.

    Serialised deterministically, so that equal capacities are equal bytes.
    """
    kind = message.WhichOneof("kind")
    if kind is None:
        raise ValueError("the capacity has no kind that is known here")
    return Capacity(CapacityKind(kind), message.SerializeToString(deterministic=True))


def to_proto_capacity(capacity: Capacity) -> capacity_pb2.Capacity:
    """Write a capacity."""
    return capacity_pb2.Capacity.FromString(capacity.body)


def to_proto_state(state: State) -> subscription_pb2.State.ValueType:
    """Write where a subscription stands."""
    return _STATES[state]


def to_proto_addons(addons: Sequence[AddonQuantity]) -> list[pricing_pb2.AddonQuantity]:
    """Write what is added to a plan."""
    return [
        pricing_pb2.AddonQuantity(addon=addon.addon, quantity=addon.quantity) for addon in addons
    ]


def from_proto_addons(messages: Sequence[pricing_pb2.AddonQuantity]) -> tuple[AddonQuantity, ...]:
    """Read what is to be added to a plan."""
    return tuple(AddonQuantity(message.addon, message.quantity) for message in messages)


def digest_of(request: Message) -> bytes:
    """Return the digest of everything in a request but its ``request_id``."""
    plain: Message = type(request)()
    plain.CopyFrom(request)
    plain.ClearField("request_id")
    return hashlib.sha256(plain.SerializeToString(deterministic=True)).digest()
