"""Deployments: one ReplicaSet per template, rolled from the old ones to the new one."""

from collections.abc import Collection, Iterator

from deploy.sandbox.kubernetes.controllers import replicasets
from deploy.sandbox.kubernetes.controllers.base import Controller, is_status_only, with_condition
from deploy.sandbox.kubernetes.controllers.owned import (
    SETTLE_SECONDS,
    is_report,
    owner_reference,
    owners_touched,
)
from deploy.sandbox.kubernetes.controllers.rollout import Rollout, template_hash
from deploy.sandbox.kubernetes.core.objects import (
    Obj,
    annotations_of,
    condition_of,
    controller_of,
    copy_of,
    dig,
    is_deleting,
    labels_of,
    meta,
    name_of,
    namespace_of,
    uid_of,
)
from deploy.sandbox.kubernetes.storage.records import Event, Key

RESOURCE = "deployments.apps"
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


class DeploymentController(Controller):
    """Makes ReplicaSets and moves their replicas; pods are the ReplicaSets' business."""

    resources = frozenset({RESOURCE, replicasets.RESOURCE})

    def settle(self, event: Event) -> float:
        own = event.key.resource == RESOURCE
        return 0.0 if own or not is_report(event) else SETTLE_SECONDS

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == RESOURCE:
            return [] if is_status_only(event) else [event.key]
        return owners_touched(event, "Deployment", RESOURCE)

    def reconcile(self, key: Key) -> float | None:
        deployment = self.inside.get(*key)
        if deployment is None or is_deleting(deployment):
            return None
        before = self._sets(deployment)
        current = self._current_set(deployment, before)
        if all(uid_of(item) != uid_of(current) for item in before):
            # A set that was just made is heard of in a moment, and with it how many pods it has.
            return None
        if not deployment["spec"].get("paused"):
            old = [item for item in self._sets(deployment) if uid_of(item) != uid_of(current)]
            for item, replicas in Rollout(deployment["spec"], current, old).changes():
                self._resize(item, replicas)
        self._prune_history(deployment, current)
        self._tell(deployment, uid_of(current))
        return None

    def _sets(self, deployment: Obj) -> list[Obj]:
        store = self.inside.machinery.store
        keys = store.dependents_of(uid_of(deployment))
        found = [self.inside.get(*key) for key in keys if key.resource == replicasets.RESOURCE]
        return [item for item in found if item and not is_deleting(item) and controller_of(item)]

    def _current_set(self, deployment: Obj, sets: list[Obj]) -> Obj:
        """The ReplicaSet of the present template, made when there is none."""
        wanted = template_hash(deployment["spec"]["template"])
        found = next((item for item in sets if labels_of(item).get(_HASH) == wanted), None)
        newest = max((int(annotations_of(item).get(_REVISION, 0)) for item in sets), default=0)
        if found is None:
            newest += 1
            made = self._new_set(deployment, wanted, newest)
            if not deployment["spec"].get("paused"):
                first = dict(_sizes(deployment["spec"], made, sets))
                made["spec"]["replicas"] = first.get(made["metadata"]["name"], 0)
            found = self.inside.create(replicasets.RESOURCE, made)
        elif int(annotations_of(found).get(_REVISION, 0)) < newest:
            newest += 1
            self._annotate(replicasets.RESOURCE, found, str(newest))
        if annotations_of(deployment).get(_REVISION) != str(newest):
            self._annotate(RESOURCE, deployment, str(newest))
        return found

    def _annotate(self, resource: str, obj: Obj, revision: str) -> None:
        def alter(new: Obj) -> None:
            meta(new).setdefault("annotations", {})[_REVISION] = revision

        self.inside.change(resource, obj, alter)

    def _new_set(self, deployment: Obj, wanted: str, revision: int) -> Obj:
        spec = deployment["spec"]
        template = copy_of(spec["template"])
        template["metadata"].setdefault("labels", {})[_HASH] = wanted
        selector = copy_of(spec["selector"])
        selector.setdefault("matchLabels", {})[_HASH] = wanted
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name_of(deployment)}-{wanted}",
                "namespace": namespace_of(deployment),
                "labels": template["metadata"]["labels"],
                "annotations": {_REVISION: str(revision)},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        }

    def _resize(self, item: Obj, replicas: int) -> None:
        def alter(new: Obj) -> None:
            new["spec"]["replicas"] = replicas

        self.inside.change(replicasets.RESOURCE, item, alter)

    def _prune_history(self, deployment: Obj, current: Obj) -> None:
        idle = [
            item
            for item in self._sets(deployment)
            if uid_of(item) != uid_of(current)
            and not item["spec"]["replicas"]
            and not dig(item, "status", "replicas", default=0)
        ]
        idle.sort(key=lambda item: int(annotations_of(item).get(_REVISION, 0)))
        excess = len(idle) - int(deployment["spec"]["revisionHistoryLimit"])
        for item in idle[: max(excess, 0)]:
            self.inside.delete(replicasets.RESOURCE, item)

    def _tell(self, deployment: Obj, current_uid: str) -> None:
        deployment = self.inside.get(RESOURCE, namespace_of(deployment), name_of(deployment)) or {}
        if not deployment:
            return
        spec, sets = deployment["spec"], self._sets(deployment)
        new = next((item for item in sets if uid_of(item) == current_uid), {})
        ready = sum(dig(item, "status", "readyReplicas", default=0) for item in sets)
        total = sum(dig(item, "status", "replicas", default=0) for item in sets)
        counts = {
            "replicas": total,
            "updatedReplicas": dig(new, "status", "replicas", default=0),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, max(total, spec["replicas"]) - ready),
        }
        status: Obj = {key: value for key, value in counts.items() if value}
        status["observedGeneration"] = deployment["metadata"]["generation"]
        status["conditions"] = dig(deployment, "status", "conditions", default=[])
        self.inside.set_status(RESOURCE, deployment, self._conditions(deployment, status, new))

    def _conditions(self, deployment: Obj, status: Obj, new: Obj) -> Obj:
        spec, now = deployment["spec"], self.inside.clock.timestamp()
        ready = status.get("availableReplicas", 0)
        if ready >= spec["replicas"] - Rollout(spec, new, []).max_unavailable:
            parts = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        else:
            why = "Deployment does not have minimum availability."
            parts = ("False", "MinimumReplicasUnavailable", why)
        status = with_condition(status, "Available", *parts, now)
        name = name_of(new)
        done = status.get("updatedReplicas", 0) == status.get("replicas", 0) == spec["replicas"]
        if done and ready == spec["replicas"]:
            text = f'ReplicaSet "{name}" has successfully progressed.'
            status = with_condition(
                status, "Progressing", "True", "NewReplicaSetAvailable", text, now
            )
        else:
            text = f'ReplicaSet "{name}" is progressing.'
            status = with_condition(status, "Progressing", "True", "ReplicaSetUpdated", text, now)
        return _with_failure(status, condition_of(new, "ReplicaFailure"), now)


def _sizes(spec: Obj, current: Obj, old: list[Obj]) -> Iterator[tuple[str, int]]:
    return ((name_of(item), replicas) for item, replicas in Rollout(spec, current, old).changes())


def _with_failure(status: Obj, failure: Obj | None, now: str) -> Obj:
    """Pass on why the new ReplicaSet cannot make pods."""
    if failure:
        parts = failure["status"], failure["reason"], failure["message"]
        return with_condition(status, "ReplicaFailure", *parts, now)
    kept = [item for item in status["conditions"] if item["type"] != "ReplicaFailure"]
    return {**status, "conditions": kept}
