"""Refusals as HTTP: the one place where a status code is chosen, and each dialect's error body."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import figures
from services.chassis.errors import (
    Code,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Refusal,
)

_WORD = re.compile(r"[A-Za-z_]+")
_INNER = re.compile(r"^(plan|object|deployment)\.")
"""What a service's request holds in a message of its own, and a body does not."""

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


class NamespaceDenied(PermissionDenied):
    """A namespace that the caller's token does not name, and those that it does."""

    reason = "NAMESPACE_DENIED"

    def __init__(self, namespace: str, available: Sequence[str]) -> None:
        super().__init__("Access denied to namespace", metadata={"namespace": namespace})
        self.available = list(available)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one document writes refusals.

    ``statuses`` are by reason, where the code alone would give another. ``fields`` are this
    dialect's names for the services' fields.
    """

    body: Callable[["Dialect", Refusal], Mapping[str, object]]
    statuses: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def status(self, refusal: Refusal) -> int:
        """Return the HTTP status of a refusal."""
        if isinstance(refusal, PayloadTooLarge):
            return 413
        return self.statuses.get(refusal.reason, HTTP_STATUS[refusal.code])

    def response(self, refusal: Refusal) -> Response:
        """Return a refusal as a response."""
        headers: dict[str, str] = {}
        if refusal.retry_after is not None:
            headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
        if refusal.code is Code.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = 'Bearer realm="tollgate"'
        return json_response(self.body(self, refusal), status=self.status(refusal), headers=headers)

    def told(self, refusal: Refusal) -> tuple[str, Sequence[FieldViolation]]:
        """Return the sentence and the bad fields, by the names that the client used."""
        own = [FieldViolation(self._field(bad.field), bad.description) for bad in refusal.fields]
        if own == list(refusal.fields):
            return refusal.message, own
        return "; ".join(f"{bad.field}: {bad.description}" for bad in own), own

    def _field(self, path: str) -> str:
        own = _INNER.sub("", path)
        # What stands in an object's spec is the client's own wording.
        if own.startswith("spec."):
            return own
        return _WORD.sub(lambda word: self.fields.get(word[0], word[0]), own)


def json_response(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response; amounts are given as ``orjson.Fragment``, never as floats."""
    return Response(orjson.dumps(body), status, dict(headers or {}), media_type="application/json")


def detail_body(dialect: Dialect, refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 002 does."""
    return {"detail": refusal.message, "code": refusal.reason}


def plain_body(dialect: Dialect, refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 003 does."""
    return {"error": refusal.message, "code": refusal.reason}


def scaffolder_body(dialect: Dialect, refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 000's actions read it: each bad field with what is right."""
    text, bad = dialect.told(refusal)
    body: dict[str, object] = {"error": text, "code": refusal.reason}
    if bad:
        body["fields"] = {one.field: one.description for one in bad}
    if refusal.reason == QUOTE_SPEC_MISMATCH:
        body["details"] = dict(refusal.metadata)
    return body


def billing_body(dialect: Dialect, refusal: Refusal) -> Mapping[str, object]:
    """Write a refusal as document 001 does: error, details, timestamp."""
    text, bad = dialect.told(refusal)
    status = dialect.status(refusal)
    text = _BILLING_TEXTS.get(refusal.reason) or _BILLING_FAILURES.get(status, text)
    body: dict[str, object] = {"success": False, "error": text, "code": refusal.reason}
    details = _billing_details(refusal, bad)
    if details:
        body["details"] = details
    return body | {"timestamp": timestamp()}


def _billing_details(refusal: Refusal, bad: Sequence[FieldViolation]) -> object:
    if refusal.reason == QUOTA_EXCEEDED:
        return exceeded(refusal)
    details: dict[str, object] = dict(refusal.metadata)
    if refusal.reason == USAGE_EXCEEDS_PLAN:
        details = {"violations": violations(refusal)}
    if isinstance(refusal, NamespaceDenied):
        details["availableNamespaces"] = refusal.available
    if bad:
        details["fields"] = {one.field: one.description for one in bad}
    return details


QUOTE_SPEC_MISMATCH = "QUOTE_SPEC_MISMATCH"
USAGE_EXCEEDS_PLAN = "USAGE_EXCEEDS_PLAN"
QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
UNKNOWN_PLAN = "UNKNOWN_PLAN"
UNKNOWN_ADDON = "UNKNOWN_ADDON"
_PAYMENT_DECLINED = 402
# ABORTED over gRPC (AIP-154); over HTTP what RFC 9110 says of a state that is not the newest.
_PRECONDITION_FAILED = 412

BILLING = Dialect(
    billing_body,
    MappingProxyType(
        {
            UNKNOWN_PLAN: 400,
            UNKNOWN_ADDON: 400,
            "NOT_SOLD_IN_CURRENCY": 400,
            "PROVIDER_OFF": 404,
            "PAYMENT_DECLINED": _PAYMENT_DECLINED,
            # The document knows no 504: what does not answer in time is not reachable.
            "DEADLINE_EXCEEDED": 503,
        }
    ),
    MappingProxyType(
        {
            "plan": "planId",
            "addon": "addonId",
            "promotion_code": "promoCode",
            "checkout_id": "sessionId",
            "request_id": "Idempotency-Key",
        }
    ),
)
SCAFFOLDER = Dialect(
    scaffolder_body,
    MappingProxyType(
        {"PAYMENT_DECLINED": _PAYMENT_DECLINED, "ETAG_MISMATCH": _PRECONDITION_FAILED}
    ),
    MappingProxyType(
        {
            "duration_hours": "duration",
            "backup_plan": "backupPlan",
            "features": "additionalFeatures",
            "api_version": "apiVersion",
            "required_tier": "requiredTier",
            "required_features": "requiredFeatures",
            "request_id": "Idempotency-Key",
        }
    ),
)
PLAIN = Dialect(plain_body)
DETAIL = Dialect(detail_body)

_BILLING_TEXTS = {"PROVIDER_OFF": "Not found"}
_BILLING_FAILURES = {500: "Internal server error", 503: "Billing service unreachable"}
_PREFIXES = (
    ("/api/billing", BILLING),
    ("/api/manage-organization", BILLING),
    ("/api/tollgate", SCAFFOLDER),
    ("/api/", PLAIN),
)


def dialect_of(path: str) -> Dialect:
    """Return the dialect that owns a path."""
    return next((dialect for prefix, dialect in _PREFIXES if path.startswith(prefix)), DETAIL)


@contextmanager
def speaking_of(*, plan: str = "", addons: Sequence[str] = ()) -> Iterator[None]:
    """Let refusals in the block name the plan or add-on, by their short ids, that is unknown."""
    try:
        yield
    except Refusal as refusal:
        told = _about(refusal, plan, addons)
        if told is refusal:
            raise
        raise told from refusal


def _about(refusal: Refusal, plan: str, addons: Sequence[str]) -> Refusal:
    if refusal.reason == UNKNOWN_PLAN and plan:
        return InvalidArgument(f"Unknown plan: {plan}", reason=UNKNOWN_PLAN)
    if refusal.reason == UNKNOWN_ADDON and addons:
        known = [name.rpartition("/")[2] for name in refusal.metadata.get("addons", "").split(",")]
        unknown = next((addon for addon in addons if addon not in known), addons[-1])
        return InvalidArgument(f"Unknown add-on: {unknown}", reason=UNKNOWN_ADDON)
    return refusal


_SHOWN = {"public_ips": "ipv4"}
_UNITS = {"cpu": "cores", "memory": "GiB", "storage": "GiB", "objectStorage": "GB"}


def violations(refusal: Refusal) -> list[Mapping[str, object]]:
    """Return what is used above a plan's limits, from ``{"cpu": "6200m > 4"}``."""
    found: list[Mapping[str, object]] = []
    for name, text in sorted(refusal.metadata.items()):
        used, _, limit = text.partition(" > ")
        resource = _SHOWN.get(name, name)
        found.append(
            {
                "resource": resource,
                "used": _size(name, used),
                "limit": _size(name, limit),
                "unit": _UNITS.get(resource, "pieces"),
            }
        )
    return found


def exceeded(refusal: Refusal) -> list[Mapping[str, object]]:
    """Return what was asked for above the organization's limits, from ``{"pods": "300 > 200"}``."""
    found: list[Mapping[str, object]] = []
    for name, text in sorted(refusal.metadata.items()):
        asked, _, hard = text.partition(" > ")
        found.append({"quota_key": name, "requested": asked, "organization_hard": hard})
    return found


def _size(resource: str, quantity: str) -> object:
    try:
        return figures.size(resource, quantity)
    except ValueError:
        return None  # Still in the way, though nobody can read how much it is.


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal that a route let through."""
    if not isinstance(error, Refusal):
        raise error
    return dialect_of(request.url.path).response(error)


async def unreadable(request: Request, error: Exception) -> Response:
    """Answer parameters of a URL that are not what the route documents."""
    if not isinstance(error, RequestValidationError):
        raise error
    fields = [
        FieldViolation(str(one["loc"][-1]), str(one["msg"]).replace("Input should", "should"))
        for one in error.errors()
    ]
    sentence = "; ".join(f"{bad.field}: {bad.description}" for bad in fields)
    refusal = InvalidArgument(sentence, fields=fields, reason="INVALID_FIELDS")
    return dialect_of(request.url.path).response(refusal)


class RouteNotFound(NotFound):
    """Nothing is served here."""

    reason = "ROUTE_NOT_FOUND"


async def unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes, in the words of the dialect that owns the path."""
    if not isinstance(error, HTTPException):
        raise error
    refusal = RouteNotFound("Not found" if error.status_code == 404 else error.detail)
    dialect = dialect_of(request.url.path)
    body = dialect.body(dialect, refusal)
    return json_response(body, status=error.status_code, headers=error.headers)


async def crashed(request: Request, error: Exception) -> Response:
    """Answer a failure that nobody foresaw, without a word of it; the server logs it."""
    return dialect_of(request.url.path).response(Internal("Internal server error"))


def timestamp() -> str:
    """Return now as document 001 writes it: RFC 3339 with milliseconds and Z."""
    return str(figures.instant(datetime.now(UTC)))
