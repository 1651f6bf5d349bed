"""StatefulSets: numbered pods, one after the other, with their volume claims."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.controllers.owned import (
    PODS,
    claimed_pods,
    is_ready,
    owners_touched,
    pod_from,
)
from deploy.sandbox.kubernetes.controllers.rollout import template_hash
from deploy.sandbox.kubernetes.core.objects import (
    Obj,
    copy_of,
    is_deleting,
    labels_of,
    meta,
    name_of,
    namespace_of,
)
from deploy.sandbox.kubernetes.storage.records import Event, Key

_RESOURCE = "statefulsets.apps"
_CLAIMS = "persistentvolumeclaims"
_REVISION = "controller-revision-hash"


class StatefulSetController(Controller):
    """Always ordered: a pod is made or replaced only when those before it are ready."""

    resources = frozenset({_RESOURCE, PODS})

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == _RESOURCE:
            return [event.key]
        return owners_touched(event, "StatefulSet", _RESOURCE)

    def reconcile(self, key: Key) -> float | None:
        owner = self.inside.get(*key)
        if owner is None:
            return None
        revision = template_hash(owner["spec"]["template"])
        if not is_deleting(owner):
            self._step(owner, _numbered(owner, claimed_pods(self.inside, owner)), revision)
        self._tell(owner, revision)
        return None

    def _step(self, owner: Obj, pods: dict[int, Obj], revision: str) -> None:
        """One change: create the first missing pod, else remove one too many, else replace one."""
        wanted = owner["spec"]["replicas"]
        for ordinal in range(wanted):
            pod = pods.get(ordinal)
            if pod is None:
                self._create(owner, ordinal, revision)
                return
            if is_deleting(pod) or not is_ready(pod):
                return
        surplus = [ordinal for ordinal in pods if ordinal >= wanted]
        outdated = [
            ordinal for ordinal, pod in pods.items() if labels_of(pod).get(_REVISION) != revision
        ]
        doomed = surplus or outdated
        if doomed and not any(map(is_deleting, pods.values())):
            self.inside.delete(PODS, pods[max(doomed)])

    def _create(self, owner: Obj, ordinal: int, revision: str) -> None:
        name = f"{name_of(owner)}-{ordinal}"
        labels = {
            _REVISION: revision,
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
        }
        pod = pod_from(owner, name, labels)
        for template in owner["spec"].get("volumeClaimTemplates") or []:
            self._claim(owner, pod, template, name)
        self.inside.create(PODS, pod)

    def _claim(self, owner: Obj, pod: Obj, template: Obj, pod_name: str) -> None:
        volume = name_of(template)
        claim_name, namespace = f"{volume}-{pod_name}", namespace_of(owner)
        if self.inside.get(_CLAIMS, namespace, claim_name) is None:
            claim = copy_of({"spec": template.get("spec") or {}})
            claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
            meta(claim).update(name=claim_name, namespace=namespace)
            self.inside.create(_CLAIMS, claim)
        source = {"name": volume, "persistentVolumeClaim": {"claimName": claim_name}}
        pod["spec"].setdefault("volumes", []).append(source)

    def _tell(self, owner: Obj, revision: str) -> None:
        pods = claimed_pods(self.inside, owner)
        ready = sum(map(is_ready, pods))
        updated = sum(labels_of(pod).get(_REVISION) == revision for pod in pods)
        status: Obj = {
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": updated,
            "updatedReplicas": updated,
            "currentRevision": f"{name_of(owner)}-{revision}",
            "updateRevision": f"{name_of(owner)}-{revision}",
            "observedGeneration": owner["metadata"]["generation"],
        }
        self.inside.set_status(_RESOURCE, owner, status)


def _numbered(owner: Obj, pods: list[Obj]) -> dict[int, Obj]:
    prefix = f"{name_of(owner)}-"
    numbers = {name_of(pod).removeprefix(prefix): pod for pod in pods}
    return {int(number): pod for number, pod in numbers.items() if number.isdigit()}
