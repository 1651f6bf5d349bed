"""What a controller is, and the loop that runs it."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.queue import KeyedQueue
from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.storage.store import Store
from deploy.sandbox.kubernetes.verbs.inside import Inside

_log = logging.getLogger(__name__)
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 5.0
_SAID = (
    "generation",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "deletionTimestamp",
)
# Reconciling never awaits: how long requests may wait for several keys, in seconds.
_TURN_SECONDS = 0.001


class Controller(ABC):
    """Brings the world of one key to its wanted state; called again whenever something changed.

    `resources` are the types of which it hears, None for all.
    """

    resources: frozenset[str] | None = None

    def __init__(self, inside: Inside) -> None:
        self.inside = inside

    @abstractmethod
    def keys(self, event: Event) -> Collection[Key]:
        """Which keys a change concerns."""

    def settle(self, event: Event) -> float:
        """For how many seconds more changes are gathered before the keys are looked at."""
        return 0.0

    @abstractmethod
    def reconcile(self, key: Key) -> float | None:
        """One look at a key; returns after how many seconds to look again, if at all."""


def is_status_only(event: Event) -> bool:
    """Whether only a status (and who wrote it) is another than before: what controllers report."""
    if event.type != "MODIFIED" or event.before is None:
        return False
    before, now = event.before.obj, event.now.obj
    return before.get("spec") == now.get("spec") and all(
        before["metadata"].get(part) == now["metadata"].get(part) for part in _SAID
    )


class Loop:
    """One controller with its queue."""

    def __init__(self, controller: Controller, store: Store) -> None:
        self._controller = controller
        self._store = store
        self._queue: KeyedQueue[Key] = KeyedQueue()
        self._failures: dict[Key, int] = {}
        store.listen(self._on_event, controller.resources)

    def _on_event(self, event: Event) -> None:
        keys = self._controller.keys(event)
        settle = self._controller.settle(event) if keys else 0.0
        for key in keys:
            if settle:
                self._queue.add_after(key, settle)
            else:
                self._queue.add(key)

    def _look_at_everything(self) -> None:
        """After a start, every object counts as just added."""
        for resource in self._store.resources():
            if self._controller.resources and resource not in self._controller.resources:
                continue
            for (namespace, name), stored in self._store.collection(resource).items.items():
                self._on_event(Event("ADDED", Key(resource, namespace, name), stored, None))

    async def run(self) -> None:
        """Work for ever."""
        self._look_at_everything()
        try:
            while True:
                key: Key | None = await self._queue.get()
                ends = time.monotonic() + _TURN_SECONDS
                while key is not None:
                    self._once(key)
                    key = self._queue.next() if time.monotonic() < ends else None
                await asyncio.sleep(0)
        finally:
            self._queue.close()

    def _once(self, key: Key) -> None:
        try:
            again = self._controller.reconcile(key)
        except ApiError as error:
            _log.debug("%s: %s", key, error)
            again = self._backoff(key)
        except Exception:  # noqa: BLE001 - one bad object must not end the loop
            _log.exception("%s failed on %s", type(self._controller).__name__, key)
            again = self._backoff(key)
        else:
            self._failures.pop(key, None)
        if again is not None:
            self._queue.add_after(key, again)

    def _backoff(self, key: Key) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures, 16), _LAST_RETRY_SECONDS)


def with_condition(status: Obj, kind: str, value: str, reason: str, message: str, now: str) -> Obj:
    """The status with one condition set; its transition time moves only with its value."""
    conditions: list[Obj] = list(status.get("conditions") or [])
    old = next((item for item in conditions if item["type"] == kind), None)
    if old and (old["status"], old.get("reason"), old.get("message")) == (value, reason, message):
        return status
    since = old["lastTransitionTime"] if old and old["status"] == value else now
    new = {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }
    kept = [item for item in conditions if item["type"] != kind]
    return {**status, "conditions": [*kept, new]}
