"""The one place where refusals become google.rpc.Status, and come back from it."""

from collections.abc import Sequence

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.chassis.errors import GENERIC, Code, FieldViolation, Refusal, Unknown

DOMAIN = "tollgate.dev"
DETAILS_KEY = "grpc-status-details-bin"

_NANOS = 1_000_000_000
# A status travels in HTTP headers, the text of it twice and what is binary a third longer. Of more
# than 8 KiB a client of gRPC tells nothing but that it was too much.
_MAX_TEXT = 1_000
_MAX_WIDE_TEXT = _MAX_TEXT // 9  # what is not ASCII takes up to nine characters there
_MAX_FIELDS = 3_600
_AROUND_A_FIELD = 8

_WITHOUT_WORDS = {
    Code.UNAVAILABLE: "A service that this needs cannot be reached now.",
    Code.DEADLINE_EXCEEDED: "A service that this needs took too long.",
    Code.RESOURCE_EXHAUSTED: "A service that this needs is busy.",
}


def to_status(exc: Refusal) -> status_pb2.Status:
    """Write a refusal as a status with ErrorInfo, BadRequest and RetryInfo."""
    longest = _MAX_TEXT if exc.message.isascii() else _MAX_WIDE_TEXT
    status = status_pb2.Status(
        code=code_pb2.Code.Value(exc.code.value), message=exc.message[:longest]
    )
    details = status.details
    details.add().Pack(
        error_details_pb2.ErrorInfo(reason=exc.reason, domain=DOMAIN, metadata=exc.metadata)
    )
    if exc.fields:
        details.add().Pack(_bad_request(exc.fields))
    if exc.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(exc.retry_after * _NANOS))
        details.add().Pack(retry)
    return status


def _bad_request(fields: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    """Name every bad field that there is room for; the last entry says how many more there are."""
    bad = error_details_pb2.BadRequest()
    left = _MAX_FIELDS
    for place, one in enumerate(fields):
        left -= len(one.field.encode()) + len(one.description.encode()) + _AROUND_A_FIELD
        if left < 0:
            more = f"{len(fields) - place} more fields are wrong"
            bad.field_violations.add(field=one.field, description=more)
            break
        bad.field_violations.add(field=one.field, description=one.description)
    return bad


def from_status(status: status_pb2.Status) -> Refusal:
    """Read a status back into the generic refusal of its code."""
    code = _code(status.code)
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    ours = _unpack(status, info) and info.domain == DOMAIN
    _unpack(status, bad)
    return GENERIC[code](
        status.message,
        metadata=dict(info.metadata) if ours else {},
        fields=[FieldViolation(item.field, item.description) for item in bad.field_violations],
        retry_after=retry.retry_delay.ToNanoseconds() / _NANOS if _unpack(status, retry) else None,
        reason=info.reason if ours and info.reason else None,
    )


def from_rpc_error(err: grpc.aio.AioRpcError) -> Refusal:
    """Read what a call raised into a refusal with its reason, metadata and fields.

    What the transport says (addresses, TLS alerts) stays out of the refusal's text, which may
    reach a person; it is in ``err`` for the log.
    """
    status = _details_of(err)
    if status is not None:
        return from_status(status)
    code = Code.__members__.get(err.code().name, Code.UNKNOWN)
    return GENERIC[code](_WITHOUT_WORDS.get(code, "A service that this needs did not answer well."))


def refusal_in(exc: BaseException) -> Refusal | None:
    """Find the refusal in what was raised; a group of nothing but refusals counts as its first."""
    if isinstance(exc, Refusal):
        return exc
    if isinstance(exc, BaseExceptionGroup):
        found = [refusal_in(inner) for inner in exc.exceptions]
        return found[0] if all(found) else None
    return None


def _details_of(err: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in err.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
            except DecodeError:
                return None
            return status if status.code == err.code().value[0] else None
    return None


def _code(number: int) -> Code:
    if number not in code_pb2.Code.values():
        return Unknown.code
    return Code.__members__.get(code_pb2.Code.Name(number), Code.UNKNOWN)


def _unpack(
    status: status_pb2.Status,
    into: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> bool:
    packed: AnyMessage
    for packed in status.details:
        if packed.type_url.endswith(f"/{into.DESCRIPTOR.full_name}"):
            return bool(packed.Unpack(into))
    return False
