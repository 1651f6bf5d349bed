"""HorizontalPodAutoscalers: the bounds are kept, the metrics are not looked at."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.base import Controller, is_status_only, with_condition
from deploy.sandbox.kubernetes.core.objects import Obj, dig, name_of
from deploy.sandbox.kubernetes.storage.records import Event, Key

_RESOURCE = "horizontalpodautoscalers.autoscaling"
_TARGETS = {
    "Deployment": "deployments.apps",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
}
# While its pods start, a workload is written several times in a row.
_SETTLE_SECONDS = 0.1
_KINDS = {resource: kind for kind, resource in _TARGETS.items()}


class AutoscalerController(Controller):
    """Moves a workload's replicas into [minReplicas, maxReplicas]; none at all switches it off."""

    resources = frozenset({_RESOURCE, *_KINDS})

    def settle(self, event: Event) -> float:
        return 0.0 if event.key.resource == _RESOURCE else _SETTLE_SECONDS

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == _RESOURCE:
            return [] if is_status_only(event) else [event.key]
        kind = _KINDS.get(event.key.resource)
        if kind is None:
            return []
        return [
            Key(_RESOURCE, event.key.namespace, name_of(scaler))
            for scaler in self.inside.select(_RESOURCE, event.key.namespace)
            if _refers(scaler, kind, event.key.name)
        ]

    def reconcile(self, key: Key) -> float | None:
        scaler = self.inside.get(*key)
        if scaler is None:
            return None
        ref = scaler["spec"]["scaleTargetRef"]
        resource = _TARGETS.get(ref["kind"], "")
        target = self.inside.get(resource, key.namespace, ref["name"]) if resource else None
        now = self.inside.clock.timestamp()
        if target is None:
            why = f"the HPA controller was unable to get the target's current scale: {ref['name']}"
            status = with_condition(
                scaler["status"], "AbleToScale", "False", "FailedGetScale", why, now
            )
            self.inside.set_status(_RESOURCE, scaler, status)
            return None
        wanted = _within_bounds(scaler["spec"], target["spec"]["replicas"])
        if wanted != target["spec"]["replicas"]:
            self.inside.change(
                resource, target, lambda new: new["spec"].update(replicas=wanted), "scale"
            )
        self._tell(scaler, target, wanted, now)
        return None

    def _tell(self, scaler: Obj, target: Obj, wanted: int, now: str) -> None:
        current = dig(target, "status", "replicas", default=0)
        status = {**scaler["status"], "currentReplicas": current, "desiredReplicas": wanted}
        status = with_condition(
            status, "AbleToScale", "True", "SucceededGetScale", "the target can be scaled", now
        )
        self.inside.set_status(_RESOURCE, scaler, status)


def _refers(scaler: Obj, kind: str, name: str) -> bool:
    ref = scaler["spec"]["scaleTargetRef"]
    return bool(ref["kind"] == kind and ref["name"] == name)


def _within_bounds(spec: Obj, replicas: int) -> int:
    if replicas == 0:
        return 0
    wanted: int = min(max(replicas, spec["minReplicas"]), spec["maxReplicas"])
    return wanted
