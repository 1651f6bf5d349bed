"""Refusals as HTTP: the one place where a status code is chosen, and each dialect's error body."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.errors import Code, Internal, NotFound, Refusal, Unavailable

ErrorBody: TypeAlias = Callable[[Refusal], Mapping[str, object]]

HTTP_STATUS: Mapping[Code, int] = {
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 409,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class PayloadTooLarge(Refusal):
    """The body is larger than anything this route takes."""

    code = Code.INVALID_ARGUMENT
    reason = "PAYLOAD_TOO_LARGE"


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal."""
    return 413 if isinstance(refusal, PayloadTooLarge) else HTTP_STATUS[refusal.code]


def response_of(refusal: Refusal, body: Mapping[str, object]) -> Response:
    """Return a refusal as a response with this body."""
    headers: dict[str, str] = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    if refusal.code is Code.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="tollgate"'
    return json_response(body, status=status_of(refusal), headers=headers)


def json_response(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response; amounts are given as ``orjson.Fragment``, never as floats."""
    return Response(orjson.dumps(body), status, dict(headers or {}), media_type="application/json")


def detail_body(refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 002 does."""
    return {"detail": refusal.message, "code": refusal.reason}


def plain_body(refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 003 does."""
    return {"error": refusal.message, "code": refusal.reason}


def billing_body(refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 001 does: error, details, timestamp."""
    text = refusal.message
    if isinstance(refusal, Unavailable):
        text = "Billing service unreachable"
    elif refusal.code in (Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS):
        text = "Internal server error"
    details: dict[str, object] = dict(refusal.metadata)
    if refusal.fields:
        details["fields"] = {bad.field: bad.description for bad in refusal.fields}
    body: dict[str, object] = {"success": False, "error": text, "code": refusal.reason}
    if details:
        body["details"] = details
    return body | {"timestamp": timestamp()}


def body_for(path: str) -> ErrorBody:
    """Return how the dialect that owns this path writes a refusal."""
    if path.startswith(("/api/billing", "/api/manage-organization")):
        return billing_body
    if path.startswith("/api/"):
        return plain_body
    return detail_body


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal that a route let through."""
    if not isinstance(error, Refusal):
        raise error
    return response_of(error, body_for(request.url.path)(error))


class RouteNotFound(NotFound):
    """Nothing is served here."""

    reason = "ROUTE_NOT_FOUND"


async def unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes, in the words of the dialect that owns the path."""
    if not isinstance(error, HTTPException):
        raise error
    refusal = RouteNotFound("Not found" if error.status_code == 404 else error.detail)
    body = body_for(request.url.path)(refusal)
    return json_response(body, status=error.status_code, headers=error.headers)


async def crashed(request: Request, error: Exception) -> Response:
    """Answer a failure that nobody foresaw, without a word of it; the server logs it."""
    refusal = Internal("Internal server error")
    return response_of(refusal, body_for(request.url.path)(refusal))


def timestamp() -> str:
    """Return now as document 001 writes it: RFC 3339 with milliseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
