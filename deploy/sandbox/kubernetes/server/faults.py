"""Faults on demand: the next requests that match fail, or watches are cut off."""

from collections import Counter
from dataclasses import dataclass

from deploy.sandbox.kubernetes.core.errors import (
    bad_request,
    conflict,
    internal,
    too_many_requests,
)
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.server.watching import Watches

PATH = "/sandbox/faults"
HANG_UP = 0
_STATUSES = (HANG_UP, 409, 429, 500)
_APPLIED = (HANG_UP, 500)
_WRITES = ("create", "update", "patch", "delete", "deletecollection")


class HungUp(Exception):  # noqa: N818 - reads as what happened
    """The caller gets no answer at all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as faults tell requests apart."""

    verb: str
    resource: str
    namespace: str
    name: str
    user: str


@dataclass(slots=True)
class Fault:
    """Fail `count` matching requests; an empty verb, resource, namespace or user matches all.

    Status 0 hangs up without an answer. `applied` ones are writes that have had their effect.
    """

    status: int
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    user: str = ""
    count: int = 1
    retry_after: int = 1
    applied: bool = False

    def matches(self, asked: Asked) -> bool:
        """Whether a request is one of those meant."""
        return (
            self.count > 0
            and self.verb in ("", asked.verb)
            and self.resource in ("", asked.resource)
            and self.namespace in ("", asked.namespace)
            and self.user in ("", asked.user)
            and (not self.applied or asked.verb in _WRITES)
        )

    def failure(self, asked: Asked) -> Exception:
        """What the caller meets."""
        match self.status:
            case 0:
                return HungUp()
            case 409:
                return conflict(asked.resource, asked.name)
            case 429:
                return too_many_requests(self.retry_after)
            case _:
                return internal("injected fault")


class Faults:
    """The faults that are waiting for their requests."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._waiting: list[Fault] = []
        self._struck: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Arm a fault; raises a 400 for a status that is not offered."""
        if fault.status not in _STATUSES:
            raise bad_request(f"status must be one of {_STATUSES}")
        if fault.applied and fault.status not in _APPLIED:
            raise bad_request(f"applied goes with the statuses {_APPLIED}")
        self._waiting.append(fault)

    def drop_watches(self, resource: str = "") -> int:
        """Cut off the watches of a type, or all; returns how many."""
        return self._watches.drop(resource)

    def clear(self) -> None:
        """Disarm everything."""
        self._waiting.clear()

    def take(self, asked: Asked) -> Fault | None:
        """The fault that waits for a request, used up by one."""
        for fault in self._waiting:
            if fault.matches(asked):
                fault.count -= 1
                self._waiting = [item for item in self._waiting if item.count > 0]
                self._struck[f"{fault.status}{' applied' if fault.applied else ''}"] += 1
                return fault
        return None

    def told(self) -> Obj:
        """How many wait, and how many requests failed since the start, by status."""
        waiting = sum(fault.count for fault in self._waiting)
        return {"waiting": waiting, "struck": dict(self._struck)}

    def command(self, body: Obj) -> Obj:
        """Carry out a POST: `{"dropWatches": true}`, `{"clear": true}` or the fields of a fault."""
        if body.get("clear"):
            self.clear()
            return {"waiting": 0}
        if body.get("dropWatches"):
            return {"dropped": self.drop_watches(str(body.get("resource", "")))}
        self.add(_fault_of(body))
        return {"waiting": len(self._waiting)}


def _fault_of(body: Obj) -> Fault:
    try:
        return Fault(
            int(body["status"]),
            str(body.get("verb", "")),
            str(body.get("resource", "")),
            str(body.get("namespace", "")),
            str(body.get("user", "")),
            int(body.get("count", 1)),
            int(body.get("retryAfter", 1)),
            applied=body.get("applied") is True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise bad_request(f"a fault needs a numeric status and count: {error}") from error
