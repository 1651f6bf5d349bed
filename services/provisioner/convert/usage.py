"""What a tenant used within an hour, as a fact."""

from datetime import UTC, datetime

from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from services.chassis.telemetry import current_traceparent
from services.provisioner.convert.times import to_time
from services.provisioner.metering.hours import SECONDS, UsedHour
from tollgate.provisioner.v1 import events_pb2

USAGE_OBSERVED = events_pb2.UsageObserved.DESCRIPTOR.full_name
_PRICING = "pricing"


def to_use_fact(used: UsedHour, now: int) -> FactRecord:
    """Return the fact; there is one of a tenant and an hour. ``now`` is a second of the epoch."""
    message = events_pb2.UsageObserved(
        tenant=used.tenant,
        account=used.account,
        owner_subject=used.owner_subject,
        organization=used.organization,
        begin_time=to_time(datetime.fromtimestamp(used.hour * SECONDS, UTC)),
        samples=used.samples,
        cpu_millis_mean=used.cpu_mean,
        cpu_millis_peak=used.cpu_peak,
        memory_bytes_mean=used.memory_mean,
        memory_bytes_peak=used.memory_peak,
        storage_bytes=used.storage_peak,
        observe_time=to_time(datetime.fromtimestamp(now, UTC)),
    )
    return FactRecord(
        id=derived("fct", "provisioner", "use", used.tenant, str(used.hour)),
        key=f"use:{used.tenant}",
        revision=used.hour,
        type=USAGE_OBSERVED,
        payload=message.SerializeToString(deterministic=True),
        destinations=(_PRICING,),
        traceparent=current_traceparent(),
    )
