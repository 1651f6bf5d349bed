"""What the answers of several services hold: money, times, intervals, quantities."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.ports import AddonQuantity, Interval
from services.chassis.money import Money
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2

INTERVALS: Mapping[int, Interval] = {
    pricing_pb2.INTERVAL_ONCE: Interval.ONCE,
    pricing_pb2.INTERVAL_MONTH: Interval.MONTH,
    pricing_pb2.INTERVAL_YEAR: Interval.YEAR,
}


def money(message: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(message.currency, message.minor_units)


def time_of(message: Message, field: str) -> datetime | None:
    """Return a timestamp field, None where it is not set."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(tzinfo=UTC)


def to_addons(addons: Sequence[AddonQuantity]) -> list[pricing_pb2.AddonQuantity]:
    """Write what is added to a plan."""
    return [pricing_pb2.AddonQuantity(addon=one.addon, quantity=one.quantity) for one in addons]


def addons_of(addons: Sequence[pricing_pb2.AddonQuantity]) -> tuple[AddonQuantity, ...]:
    """Read what is added to a plan."""
    return tuple(AddonQuantity(one.addon, one.quantity) for one in addons)
