"""Plans that are given by hand: what is asked, and who gave them."""

from datetime import datetime
from typing import Final

from google.protobuf.message import Message

from services.chassis.errors import Violations
from services.subscription.assigning import AssignRequest, EndingMode, EndRequest
from services.subscription.convert.values import digest_of, from_proto_addons, time_of, to_timestamp
from services.subscription.domain import Assignment
from tollgate.subscription.v1 import subscription_pb2 as pb
from tollgate.subscription.v1 import subscription_service_pb2 as service_pb

_MODES: Final = {
    service_pb.EndAssignmentRequest.MODE_NOW: EndingMode.NOW,
    service_pb.EndAssignmentRequest.MODE_AT_TIME: EndingMode.AT_TIME,
    service_pb.EndAssignmentRequest.MODE_RESUME: EndingMode.RESUME,
}


def from_assign_request(request: service_pb.AssignPlanRequest) -> AssignRequest:
    """Read what is to be given; InvalidArgument for a time that is none."""
    bad = Violations()
    end_time = _end_time(bad, request)
    bad.raise_if_any()
    return AssignRequest(
        account=request.account,
        plan=request.plan,
        addons=from_proto_addons(request.addons),
        reason=request.reason,
        request_id=request.request_id,
        request_hash=digest_of(request),
        end_time=end_time,
        validate_only=request.validate_only,
    )


def from_end_request(request: service_pb.EndAssignmentRequest) -> EndRequest:
    """Read how it is to end; InvalidArgument names a mode or a time that is none."""
    bad = Violations()
    mode = _MODES.get(request.mode)
    if mode is None:
        bad.add("mode", "expected a way to end")
    end_time = _end_time(bad, request)
    bad.raise_if_any()
    return EndRequest(
        name=request.name,
        mode=mode or EndingMode.NOW,
        reason=request.reason,
        request_id=request.request_id,
        request_hash=digest_of(request),
        end_time=end_time,
    )


def _end_time(bad: Violations, request: Message) -> datetime | None:
    try:
        return time_of(request, "end_time")
    except (ValueError, OverflowError):
        bad.add("end_time", "expected a time from the year 1 to 9999")
        return None


def to_proto_assignment(given: Assignment) -> pb.Assignment:
    """Write who gave a plan, why, and until when."""
    return pb.Assignment(
        actor=given.actor,
        reason=given.reason,
        begin_time=to_timestamp(given.begin_time),
        end_time=to_timestamp(given.end_time),
        end_actor=given.end_actor,
        end_reason=given.end_reason,
    )
