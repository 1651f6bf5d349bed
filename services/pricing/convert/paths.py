"""Where in a request a bad field stands: what use cases name by what they know, by its path."""

import re
from collections.abc import Collection
from types import TracebackType

from google.protobuf.message import Message

from services.chassis.errors import FieldViolation, InvalidArgument
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

_FIRST = re.compile(r"\w+")


def _fields(message: type[Message]) -> frozenset[str]:
    return frozenset(message.DESCRIPTOR.fields_by_name)


_DEPLOYMENT = ("deployment", _fields(pricing_pb2.Deployment))
_PLAN = ("plan", _fields(pb.PlanSelection))
_OBJECT = ("object", frozenset({"spec"}))


class Paths:
    """Within it, refusals name bad fields by their paths in a request."""

    __slots__ = ("_inner",)

    def __init__(self, *inner: tuple[str, Collection[str]]) -> None:
        """``inner`` are the messages in the request, with the names of their fields."""
        self._inner = inner

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Name the fields of a refusal anew."""
        if isinstance(error, InvalidArgument) and error.fields:
            raise self.named(error) from None

    def named(self, refusal: InvalidArgument) -> InvalidArgument:
        """Return a refusal that names its fields by their paths; the same if it does."""
        bad = [FieldViolation(self._path(one.field), one.description) for one in refusal.fields]
        if bad == list(refusal.fields):
            return refusal
        return InvalidArgument(
            "; ".join(f"{one.field}: {one.description}" for one in bad),
            metadata=refusal.metadata,
            fields=bad,
            reason=refusal.reason,
        )

    def _path(self, field: str) -> str:
        first = _FIRST.match(field)
        for name, known in self._inner:
            if first is not None and first[0] in known:
                return f"{name}.{field}"
        return field


OF_DEPLOYMENT = Paths(_DEPLOYMENT, _OBJECT)
"""The paths of a request for a deployment's price, with or without an object."""
OF_PLAN = Paths(_PLAN)
"""The paths of a request for a quote of a plan."""
OF_OBJECT = Paths(_OBJECT)
"""The paths of a request about an object alone."""
