"""What the store holds and what it tells its listeners."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from deploy.sandbox.kubernetes.core.objects import Obj


class Key(NamedTuple):
    """An object's place; `resource` is `plural` or `plural.group`."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object, with the bytes that lists and watches send."""

    obj: Obj
    raw: bytes
    revision: int


EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Event:
    """One change; for a deletion `now` is the last state under the revision of its deletion."""

    type: EventType
    key: Key
    now: Stored
    before: Stored | None
