"""What the answers of several services hold: money, times and capacities."""

from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.money import Money
from services.subscription.offers import AddonQuantity
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2


def money(message: money_pb2.Money) -> Money:
    """Read an amount; ValueError if nobody knows its currency."""
    return Money(message.currency, message.minor_units)


def to_money(amount: Money) -> money_pb2.Money:
    """Write an amount."""
    return money_pb2.Money(currency=amount.currency, minor_units=amount.minor_units)


def time_of(message: Message, field: str) -> datetime | None:
    """Return a timestamp field, None where it is not set."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(tzinfo=UTC)


def to_timestamp(time: datetime) -> Timestamp:
    """Write a time."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def to_addons(addons: Sequence[AddonQuantity]) -> list[pricing_pb2.AddonQuantity]:
    """Write what is added to a plan."""
    return [
        pricing_pb2.AddonQuantity(addon=addon.addon, quantity=addon.quantity) for addon in addons
    ]
