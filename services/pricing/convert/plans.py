"""What the provisioner tells of a ConfigMap that holds a catalog."""

from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgument, Violations
from services.chassis.facts import FactRecord
from services.pricing.observed import SourceSeen
from tollgate.provisioner.v1 import events_pb2

PLANS_OBSERVED = events_pb2.PlansObserved.DESCRIPTOR.full_name


def from_plans_fact(fact: FactRecord) -> SourceSeen:
    """Read what was seen; InvalidArgument if the fact's payload says nothing of a source."""
    message = events_pb2.PlansObserved()
    try:
        message.ParseFromString(fact.payload)
    except DecodeError as error:
        raise InvalidArgument(f"Fact {fact.id} holds no {PLANS_OBSERVED}.") from error
    bad = Violations()
    if not message.source:
        bad.add("source", "is required")
    if fact.revision < 1:
        bad.add("revision", "expected that of a state fact, from 1")
    bad.raise_if_any()
    return SourceSeen(
        source=message.source,
        revision=fact.revision,
        stands=message.stands,
        text=message.text if message.HasField("text") else None,
        left_out_bytes=message.left_out_bytes,
    )
