"""ReplicaSets: as many pods as wanted, by label."""

from collections.abc import Collection, Iterable

from deploy.sandbox.kubernetes.controllers.base import Controller, is_status_only, with_condition
from deploy.sandbox.kubernetes.controllers.owned import (
    PODS,
    SETTLE_SECONDS,
    claimed_pods,
    is_active,
    is_ready,
    is_report,
    owners_touched,
    pod_from,
    removal_order,
)
from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.objects import (
    Obj,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
)
from deploy.sandbox.kubernetes.core.selectors import from_label_selector, matches
from deploy.sandbox.kubernetes.storage.records import Event, Key

RESOURCE = "replicasets.apps"
# Pods made in one look, so that a large set does not hold up requests.
_BATCH = 50
_RETRY_SECONDS = 0.25


class ReplicaSetController(Controller):
    """Creates and deletes pods; adopts and releases them by label."""

    resources = frozenset({RESOURCE, PODS})

    def settle(self, event: Event) -> float:
        return SETTLE_SECONDS if event.key.resource == PODS and is_report(event) else 0.0

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == RESOURCE:
            return [] if is_status_only(event) else [event.key]
        touched = owners_touched(event, "ReplicaSet", RESOURCE)
        if controller_of(event.now.obj) is None and event.type != "DELETED":
            return [*touched, *self._would_adopt(event)]
        return touched

    def _would_adopt(self, event: Event) -> Iterable[Key]:
        for owner in self.inside.select(RESOURCE, event.key.namespace):
            selector = from_label_selector(owner["spec"].get("selector"))
            if selector and matches(selector, labels_of(event.now.obj)):
                yield Key(RESOURCE, event.key.namespace, name_of(owner))

    def reconcile(self, key: Key) -> float | None:
        owner = self.inside.get(*key)
        if owner is None:
            return None
        pods = claimed_pods(self.inside, owner)
        active = [pod for pod in pods if is_active(pod)]
        failure, again = "", None
        if not is_deleting(owner) and owner["spec"]["replicas"] != len(active):
            failure, again = self._scale(owner, active)
            pods = claimed_pods(self.inside, owner)
        self._tell(owner, pods, failure)
        return _RETRY_SECONDS if failure else again

    def _scale(self, owner: Obj, active: list[Obj]) -> tuple[str, float | None]:
        """Bring the number of pods nearer; returns a refusal's text and when to go on."""
        missing = owner["spec"]["replicas"] - len(active)
        for pod in sorted(active, key=removal_order)[: max(-missing, 0)]:
            self.inside.delete(PODS, pod)
        for _ in range(min(missing, _BATCH)):
            try:
                self.inside.create(PODS, pod_from(owner))
            except ApiError as error:
                return error.message, None
        return "", (0.0 if missing > _BATCH else None)

    def _tell(self, owner: Obj, pods: list[Obj], failure: str) -> None:
        active = [pod for pod in pods if is_active(pod)]
        ready = sum(map(is_ready, active))
        counts = {
            "fullyLabeledReplicas": len(active),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        status: Obj = {"replicas": len(active)} | {k: v for k, v in counts.items() if v}
        status["observedGeneration"] = owner["metadata"]["generation"]
        if failure:
            old = {"conditions": owner.get("status", {}).get("conditions") or []}
            now = self.inside.clock.timestamp()
            told = with_condition(old, "ReplicaFailure", "True", "FailedCreate", failure, now)
            status["conditions"] = told["conditions"]
        self.inside.set_status(RESOURCE, owner, status)
