"""What is told of a ConfigMap with plans, as a fact."""

from datetime import datetime

from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from services.chassis.telemetry import current_traceparent
from services.provisioner.convert.times import to_time
from services.provisioner.plans.seen import PlansSeen
from tollgate.provisioner.v1 import events_pb2

PLANS_OBSERVED = events_pb2.PlansObserved.DESCRIPTOR.full_name
_PRICING = "pricing"


def to_plans_fact(seen: PlansSeen, revision: int, observe_time: datetime) -> FactRecord:
    """Return the fact; its id is the same for the same content under the same revision."""
    message = events_pb2.PlansObserved(
        source=seen.source,
        stands=seen.stands,
        text=seen.text,
        left_out_bytes=seen.left_out_bytes,
        resource_version=seen.resource_version,
        observe_time=to_time(observe_time),
    )
    digest = seen.digest.hex()
    return FactRecord(
        id=derived("fct", "provisioner", "plans", seen.source, str(revision), digest),
        key=f"plans:{seen.source}",
        revision=revision,
        type=PLANS_OBSERVED,
        payload=message.SerializeToString(deterministic=True),
        destinations=(_PRICING,),
        traceparent=current_traceparent(),
    )
