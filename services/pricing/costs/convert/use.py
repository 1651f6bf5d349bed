"""The provisioner's facts of use."""

from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgument, Violations
from services.chassis.facts import FactRecord
from services.pricing.costs.domain import SECONDS_AN_HOUR
from services.pricing.costs.use import UsedHour
from tollgate.provisioner.v1 import events_pb2

USED = events_pb2.UsageObserved.DESCRIPTOR.full_name
_AMOUNTS = ("cpu_millis_mean", "cpu_millis_peak", "memory_bytes_mean", "memory_bytes_peak")
_LATEST = 253_402_300_799


def from_use_fact(fact: FactRecord) -> UsedHour:
    """Read the hour in a fact; InvalidArgument if its payload is none."""
    message = events_pb2.UsageObserved()
    try:
        message.ParseFromString(fact.payload)
    except DecodeError as error:
        raise InvalidArgument(f"Fact {fact.id} holds no {USED}.") from error
    bad = Violations()
    if not message.tenant:
        bad.add("tenant", "is required")
    begin = message.begin_time.seconds
    if not 0 < begin <= _LATEST or begin % SECONDS_AN_HOUR or message.begin_time.nanos:
        bad.add("begin_time", "expected the begin of an hour")
    if message.samples < 1:
        bad.add("samples", "expected at least 1")
    negative = [name for name in _AMOUNTS if getattr(message, name) < 0]
    if message.storage_bytes < 0:
        negative.append("storage_bytes")
    for name in negative:
        bad.add(name, "cannot be negative")
    bad.raise_if_any()
    return UsedHour(
        tenant=message.tenant,
        hour=begin // SECONDS_AN_HOUR,
        samples=message.samples,
        cpu_mean=message.cpu_millis_mean,
        cpu_peak=message.cpu_millis_peak,
        memory_mean=message.memory_bytes_mean,
        memory_peak=message.memory_bytes_peak,
        storage_bytes=message.storage_bytes if message.HasField("storage_bytes") else None,
    )
