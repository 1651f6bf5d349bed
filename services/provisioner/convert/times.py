"""Points in time between their message and the domain."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_time(time: datetime) -> Timestamp:
    """Convert a time."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def to_optional(time: datetime | None) -> Timestamp | None:
    """Convert a time that need not be set."""
    return None if time is None else to_time(time)


def from_time(stamp: Timestamp) -> datetime:
    """Convert a time that is set."""
    return stamp.ToDatetime(tzinfo=UTC)
