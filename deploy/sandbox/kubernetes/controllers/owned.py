"""Pods that belong to a workload: made from its template, adopted, released, counted."""

from collections.abc import Collection

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
    owners_of,
    uid_of,
)
from deploy.sandbox.kubernetes.core.selectors import Filter, Selector, from_label_selector, matches
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.verbs.inside import Inside

PODS = "pods"
SETTLE_SECONDS = 0.03
"""For how long reports gather: pods of one set become ready within a moment."""
_OF_OWNERS = ("labels", "ownerReferences", "deletionTimestamp")


def owner_reference(owner: Obj) -> Obj:
    """The reference that makes `owner` the controller."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owners_touched(event: Event, kind: str, resource: str) -> Collection[Key]:
    """The controlling owners of a kind that an object has or had before the change."""
    states = [event.now.obj, *([event.before.obj] if event.before else [])]
    owners = [owner for owner in map(controller_of, states) if owner and owner["kind"] == kind]
    return {Key(resource, event.key.namespace, owner["name"]) for owner in owners}


def pod_from(owner: Obj, name: str = "", labels: dict[str, str] | None = None) -> Obj:
    """A pod of a workload's template; without a name one is generated."""
    template = copy_of(owner["spec"]["template"])
    metadata: Obj = {
        "namespace": namespace_of(owner),
        "labels": {**labels_of(template), **(labels or {})},
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations_of(template):
        metadata["annotations"] = annotations_of(template)
    metadata |= {"name": name} if name else {"generateName": f"{name_of(owner)}-"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def is_report(event: Event) -> bool:
    """Whether a change can wait for more of its kind: nothing goes or changes hands."""
    if event.type != "MODIFIED" or event.before is None:
        return event.type == "ADDED"
    before, now = event.before.obj["metadata"], event.now.obj["metadata"]
    return all(before.get(part) == now.get(part) for part in _OF_OWNERS)


def is_active(pod: Obj) -> bool:
    """Whether a pod counts towards its workload."""
    return not is_deleting(pod) and dig(pod, "status", "phase") not in ("Succeeded", "Failed")


def is_ready(pod: Obj) -> bool:
    """Whether a pod is ready to serve."""
    condition = condition_of(pod, "Ready")
    return condition is not None and condition["status"] == "True"


def claimed_pods(inside: Inside, owner: Obj) -> list[Obj]:
    """The owner's pods: matching orphans are adopted, those that match no more released."""
    selector = from_label_selector(owner["spec"].get("selector")) or ()
    namespace, uid = namespace_of(owner), uid_of(owner)
    for key in inside.machinery.store.dependents_of(uid):
        pod = inside.get(*key) if key.resource == PODS else None
        if pod is not None and _controls(owner, pod) and not matches(selector, labels_of(pod)):
            _release(inside, pod, uid)
    return _matching(inside, owner, selector, namespace)


def _matching(inside: Inside, owner: Obj, selector: Selector, namespace: str) -> list[Obj]:
    found: list[Obj] = []
    for pod in list(inside.select(PODS, namespace, Filter(selector))):
        if _controls(owner, pod):
            found.append(pod)
        elif controller_of(pod) is None and is_active(pod) and not is_deleting(owner):
            adopted = _adopt(inside, pod, owner)
            found += [adopted] if adopted else []
    return found


def _controls(owner: Obj, pod: Obj) -> bool:
    reference = controller_of(pod)
    return reference is not None and reference["uid"] == uid_of(owner)


def _release(inside: Inside, pod: Obj, uid: str) -> None:
    left = [owner for owner in owners_of(pod) if owner["uid"] != uid]
    inside.change(PODS, pod, lambda new: meta(new).update(ownerReferences=left))


def _adopt(inside: Inside, pod: Obj, owner: Obj) -> Obj | None:
    references = [*owners_of(pod), owner_reference(owner)]
    return inside.change(PODS, pod, lambda new: meta(new).update(ownerReferences=references))


def removal_order(pod: Obj) -> tuple[bool, bool, str]:
    """Pods that go first when there are too many: unscheduled, not ready, then the youngest."""
    return (
        bool(pod["spec"].get("nodeName")),
        is_ready(pod),
        "".join(chr(0x10FFFF - ord(sign)) for sign in pod["metadata"]["creationTimestamp"]),
    )
