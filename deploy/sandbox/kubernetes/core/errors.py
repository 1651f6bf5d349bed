"""Errors as `Status` objects: every refusal of the server is one of these."""

from collections.abc import Sequence

from deploy.sandbox.kubernetes.core.causes import Cause
from deploy.sandbox.kubernetes.core.objects import Obj


class ApiError(Exception):
    """A refusal with its HTTP code, its machine-readable reason and details."""

    def __init__(
        self, code: int, reason: str, message: str, details: Obj | None = None, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after:
            self.details["retryAfterSeconds"] = retry_after

    def status(self) -> Obj:
        """The `Status` object that the client reads."""
        status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


def _details(group_resource: str, name: str) -> Obj:
    resource, _, group = group_resource.partition(".")
    return {"name": name, "kind": resource} | ({"group": group} if group else {})


def bad_request(message: str) -> ApiError:
    """The request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """The caller is unknown."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(
    group_resource: str, name: str, why: str, causes: Sequence[Cause] = (), verb_only: bool = False
) -> ApiError:
    """The caller may not, or admission refuses; `verb_only` leaves the name out of the text."""
    quoted = "" if verb_only or not name else f' "{name}"'
    details = _details(group_resource, name)
    if causes:
        details["causes"] = [cause.as_json() for cause in causes]
    return ApiError(403, "Forbidden", f"{group_resource}{quoted} is forbidden: {why}", details)


def not_found(group_resource: str, name: str) -> ApiError:
    """There is no such object."""
    details = _details(group_resource, name)
    return ApiError(404, "NotFound", f'{group_resource} "{name}" not found', details)


def no_such_path() -> ApiError:
    """There is no such resource type."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    """The type does not have that verb."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def already_exists(group_resource: str, name: str) -> ApiError:
    """The name is taken."""
    details = _details(group_resource, name)
    return ApiError(409, "AlreadyExists", f'{group_resource} "{name}" already exists', details)


def conflict(group_resource: str, name: str, why: str = "") -> ApiError:
    """The object is not what the caller takes it for."""
    text = why or (
        "the object has been modified; "
        "please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {group_resource} "{name}": {text}'
    return ApiError(409, "Conflict", message, _details(group_resource, name))


def apply_conflict(causes: Sequence[Cause], message: str) -> ApiError:
    """Another manager owns fields with other values."""
    return ApiError(409, "Conflict", message, {"causes": [cause.as_json() for cause in causes]})


def expired(message: str) -> ApiError:
    """The resourceVersion or the continue token is too old."""
    return ApiError(410, "Expired", message)


def unsupported_media_type(message: str) -> ApiError:
    """The body's format is not accepted here."""
    return ApiError(415, "UnsupportedMediaType", message)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """The object breaks the rules of its kind."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    full_kind = f"{kind}.{group}" if group else kind
    details = {"name": name, "kind": kind, "causes": [cause.as_json() for cause in causes]}
    if group:
        details["group"] = group
    return ApiError(422, "Invalid", f'{full_kind} "{name}" is invalid: {joined}', details)


def invalid_options(kind: str, causes: Sequence[Cause]) -> ApiError:
    """The query parameters contradict each other."""
    return invalid(kind, "meta.k8s.io", "", causes)


def failed_patch_test(message: str) -> ApiError:
    """A `test` operation of a JSON patch did not hold, or a path is not there.

    The real server does not say what it was; the sandbox adds it in parentheses.
    """
    text = f"the server rejected our request due to an error in our request ({message})"
    return ApiError(422, "Invalid", text)


def too_many_requests(seconds: int, message: str = "the server is busy") -> ApiError:
    """The caller is asked to come back after that many seconds."""
    return ApiError(429, "TooManyRequests", message, retry_after=seconds)


def internal(message: str) -> ApiError:
    """The server failed."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")


def too_large_resource_version(wanted: int, current: int) -> ApiError:
    """The caller has seen a version that this server has not reached."""
    details: Obj = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    }
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return ApiError(504, "Timeout", message, details, retry_after=1)
