"""Values that every message is built of."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.money import Money
from tollgate.common.v1 import money_pb2


def money(amount: Money | None) -> money_pb2.Money | None:
    """Show an amount; None for none."""
    if amount is None:
        return None
    return money_pb2.Money(currency=amount.currency, minor_units=amount.minor_units)


def timestamp(time: datetime | None) -> Timestamp | None:
    """Show a time; None for none."""
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
