"""Refusals: every error that a caller is meant to see, as a type with a code and a reason.

Services subclass the generic ones here and give them a reason of their own. What a refusal looks
like on the wire is decided in ``status``; this module knows no transport.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Code(StrEnum):
    """The canonical status codes, without OK."""

    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    UNAUTHENTICATED = "UNAUTHENTICATED"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One bad field: its path in the request (``lines[2].amount``) and what it should be."""

    field: str
    description: str


_NO_METADATA: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a malfunction
    """An answer of no: a stable reason for programs, a sentence for a person.

    ``metadata`` says what would help (the plan to upgrade to, the unblock URL). ``retry_after``
    is in seconds. ``reason`` overrides the class's own only where a refusal of another service
    is passed on.
    """

    code: Code = Code.UNKNOWN
    reason: str = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] = _NO_METADATA,
        fields: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata)
        self.fields = tuple(fields)
        self.retry_after = retry_after
        if reason is not None:
            self.reason = reason


class Cancelled(Refusal):
    """The caller went away."""

    code = Code.CANCELLED
    reason = "CANCELLED"


class Unknown(Refusal):
    """Another system answered something that says nothing."""


class InvalidArgument(Refusal):
    """The request is wrong whatever the state is."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class DeadlineExceeded(Refusal):
    """It took too long; the effect may or may not have happened."""

    code = Code.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class NotFound(Refusal):
    """No such object, or none that this caller may know of."""

    code = Code.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(Refusal):
    """The name is taken."""

    code = Code.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class PermissionDenied(Refusal):
    """The caller is known and may not."""

    code = Code.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class ResourceExhausted(Refusal):
    """Too much at once, or a quota is used up."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "RESOURCE_EXHAUSTED"


class FailedPrecondition(Refusal):
    """The state does not allow it; the same request may pass after something else changed."""

    code = Code.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class Aborted(Refusal):
    """Lost a race; the whole operation may be tried again."""

    code = Code.ABORTED
    reason = "ABORTED"


class OutOfRange(Refusal):
    """Past the end."""

    code = Code.OUT_OF_RANGE
    reason = "OUT_OF_RANGE"


class Unimplemented(Refusal):
    """The other side does not offer this."""

    code = Code.UNIMPLEMENTED
    reason = "UNIMPLEMENTED"


class Internal(Refusal):
    """Ours to repair; the text never says more than that."""

    code = Code.INTERNAL
    reason = "INTERNAL"


class Unavailable(Refusal):
    """Not reachable now; try again."""

    code = Code.UNAVAILABLE
    reason = "UNAVAILABLE"


class DataLoss(Refusal):
    """What was stored cannot be read back."""

    code = Code.DATA_LOSS
    reason = "DATA_LOSS"


class Unauthenticated(Refusal):
    """Nobody is signed in."""

    code = Code.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


GENERIC: Mapping[Code, type[Refusal]] = MappingProxyType(
    {
        kind.code: kind
        for kind in (
            Cancelled,
            Unknown,
            InvalidArgument,
            DeadlineExceeded,
            NotFound,
            AlreadyExists,
            PermissionDenied,
            ResourceExhausted,
            FailedPrecondition,
            Aborted,
            OutOfRange,
            Unimplemented,
            Internal,
            Unavailable,
            DataLoss,
            Unauthenticated,
        )
    }
)
"""The generic refusal of each code."""

_TRANSIENT = (Unavailable, Aborted, DeadlineExceeded, ResourceExhausted)


def is_transient(exc: BaseException) -> bool:
    """Tell, by type alone, whether the same operation may succeed if tried again."""
    return isinstance(exc, _TRANSIENT)


class Violations:
    """Collects every bad field of a request, so that a caller learns all of them at once."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """Note a bad field."""
        self._found.append(FieldViolation(field, description))

    @property
    def found(self) -> tuple[FieldViolation, ...]:
        """What was noted so far."""
        return tuple(self._found)

    def raise_if_any(self) -> None:
        """Raise InvalidArgument (reason INVALID_FIELDS) if a field was bad."""
        if not self._found:
            return
        sentence = "; ".join(f"{bad.field}: {bad.description}" for bad in self._found)
        raise InvalidArgument(sentence, fields=self._found, reason="INVALID_FIELDS")
