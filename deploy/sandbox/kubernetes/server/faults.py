"""Faults on demand: the next requests that match are refused, or watches are cut off."""

from dataclasses import dataclass

from deploy.sandbox.kubernetes.core.errors import (
    ApiError,
    bad_request,
    conflict,
    internal,
    too_many_requests,
)
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.server.watching import Watches

PATH = "/sandbox/faults"
_STATUSES = (409, 429, 500)


@dataclass(slots=True)
class Fault:
    """Refuse `count` matching requests; an empty verb or resource matches all."""

    status: int
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    count: int = 1
    retry_after: int = 1

    def matches(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether a request is one of those meant."""
        return (
            self.count > 0
            and self.verb in ("", verb)
            and self.resource in ("", resource)
            and self.namespace in ("", namespace)
        )

    def error(self, resource: str, name: str) -> ApiError:
        """The refusal."""
        if self.status == 409:
            return conflict(resource, name)
        if self.status == 429:
            return too_many_requests(self.retry_after)
        return internal("injected fault")


class Faults:
    """The faults that are waiting for their requests."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Arm a fault; raises a 400 for a status that is not offered."""
        if fault.status not in _STATUSES:
            raise bad_request(f"status must be one of {_STATUSES}")
        self._waiting.append(fault)

    def drop_watches(self, resource: str = "") -> int:
        """Cut off the watches of a type, or all; returns how many."""
        return self._watches.drop(resource)

    def clear(self) -> None:
        """Disarm everything."""
        self._waiting.clear()

    def strike(self, verb: str, resource: str, namespace: str, name: str) -> None:
        """Refuse a request if a fault waits for it."""
        for fault in self._waiting:
            if fault.matches(verb, resource, namespace):
                fault.count -= 1
                self._waiting = [item for item in self._waiting if item.count > 0]
                raise fault.error(resource, name)

    def command(self, body: Obj) -> Obj:
        """Carry out a POST: `{"dropWatches": true}`, `{"clear": true}` or the fields of a fault."""
        if body.get("clear"):
            self.clear()
            return {"waiting": 0}
        if body.get("dropWatches"):
            return {"dropped": self.drop_watches(str(body.get("resource", "")))}
        try:
            fault = Fault(
                int(body["status"]),
                str(body.get("verb", "")),
                str(body.get("resource", "")),
                str(body.get("namespace", "")),
                int(body.get("count", 1)),
                int(body.get("retryAfter", 1)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise bad_request(f"a fault needs a numeric status and count: {error}") from error
        self.add(fault)
        return {"waiting": len(self._waiting)}
