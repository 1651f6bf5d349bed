"""From what the Kubernetes client raises to our own types: by class, status and stable reason."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic.exceptions import ResourceNotFoundError

from services.chassis.errors import Refusal
from services.provisioner.errors import (
    ClusterForbidden,
    ClusterTimeout,
    ClusterUnavailable,
    HistoryExpired,
    KindMissing,
    NamespaceTerminating,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
    ObjectInvalid,
)

RAISED = (ApiException, aiohttp.ClientError, ResourceNotFoundError, OSError, asyncio.TimeoutError)
"""What a call of the client may raise."""

_OVERLOADED = frozenset({429, 500, 502, 503, 504})
_BY_STATUS: Mapping[int, type[Refusal]] = {
    401: ClusterForbidden,
    403: ClusterForbidden,
    404: ObjectGone,
    409: ObjectChanged,
    410: HistoryExpired,
}
_LONGEST = 500


def to_refusal(error: BaseException) -> Refusal:
    """Return the refusal that stands for a failed call."""
    # Before OSError, which a time-out also is.
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return ClusterTimeout("The Kubernetes API did not answer in time.")
    if isinstance(error, ApiException):
        return of_status(error.status or 0, _status(error.body), _retry_after(error.headers))
    if isinstance(error, ResourceNotFoundError):
        return KindMissing(f"The cluster does not serve what is needed: {error}")
    return ClusterUnavailable(f"The Kubernetes API cannot be reached: {error}")


def of_status(code: int, status: Mapping[str, Any], retry_after: float | None = None) -> Refusal:
    """Return the refusal for a ``Status`` of the API server."""
    message = str(status.get("message") or f"The Kubernetes API answered {code}.")[:_LONGEST]
    if status.get("reason") == "AlreadyExists":
        return ObjectExists(message)
    if "NamespaceTerminating" in _causes(status):
        return NamespaceTerminating(message)
    if code in _OVERLOADED:
        return ClusterUnavailable(message, retry_after=retry_after)
    return _BY_STATUS.get(code, ObjectInvalid)(message)


def _status(body: object) -> Mapping[str, Any]:
    if not isinstance(body, str | bytes):
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        # A proxy in between answers in its own way; the code then says enough.
        return {}
    return found if isinstance(found, dict) else {}


def _causes(status: Mapping[str, Any]) -> list[str]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [str(cause.get("reason")) for cause in causes or () if isinstance(cause, dict)]


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    text = headers.get("Retry-After", "") if headers else ""
    return float(text) if text.isascii() and text.isdigit() else None
