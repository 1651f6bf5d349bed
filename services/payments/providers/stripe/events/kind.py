"""What a module of an event type has to say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.payments.domain import ObjectRef, RootKind
from services.payments.views import Proof

Payload = Mapping[str, Any]
"""The object inside a signed event of the pinned version."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """An event type: the root object to fetch, and what the event proves by itself.

    Most prove nothing that the fetched object does not show better, and have no ``prove``. One
    that has is given the payload, or None where the payload cannot be read (another version, or
    dropped for its age). ``shows`` and ``follows`` are asked of payloads of the pinned version
    only, and say what ``VerifiedEvent`` says of them.
    """

    type: str
    root: RootKind
    prove: Callable[[Payload | None], Proof] | None = None
    shows: Callable[[Payload], tuple[ObjectRef, ...]] = lambda _payload: ()
    follows: Callable[[Payload], bool] = lambda _payload: False
