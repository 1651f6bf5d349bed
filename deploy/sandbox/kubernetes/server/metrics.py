"""What a metrics server would say of pods: `metrics.k8s.io/v1beta1`, though nothing runs here.

A pod uses a tenth of what it requests, or what the annotation `USE` says, on itself or on what made
it (a ReplicaSet, its Deployment, a StatefulSet): `cpu=250m,memory=64Mi` for each pod.
"""

from collections.abc import Iterator

from aiohttp import web

from deploy.sandbox.kubernetes.core.errors import not_found
from deploy.sandbox.kubernetes.core.objects import Obj, dig
from deploy.sandbox.kubernetes.core.quantity import QuantityError, parse, render
from deploy.sandbox.kubernetes.resources.builtin import METRICS_GROUP
from deploy.sandbox.kubernetes.server.reading import filter_of
from deploy.sandbox.kubernetes.server.responses import json_of
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target

USE = "sandbox.tollgate.dev/use"
_API_VERSION = f"{METRICS_GROUP}/v1beta1"
_PODS = "pods"
_RESOURCES = {"cpu": "decimal", "memory": "binary"}
_SHARE = 10
_OWNERS = 2
"""From a pod to a Deployment: over its ReplicaSet."""


def answer(machinery: Machinery, target: Target, request: web.BaseRequest) -> web.Response:
    """The use of one pod, or of those that are selected; a real one knows no pages either."""
    wanted = filter_of(target, request)
    found = machinery.store.select(_PODS, target.namespace, wanted)
    running = [one for one in found if dig(one.obj, "status", "phase") == "Running"]
    items = [_metrics(machinery, one.obj) for one in running]
    if not target.name:
        return json_of(
            {
                "kind": "PodMetricsList",
                "apiVersion": _API_VERSION,
                "metadata": {},
                "items": items,
            }
        )
    if not items:
        raise not_found(target.resource, target.name)
    return json_of({"kind": "PodMetrics", "apiVersion": _API_VERSION, **items[0]})


def _metrics(machinery: Machinery, pod: Obj) -> Obj:
    now = machinery.clock.timestamp()
    known = pod["metadata"]
    metadata = {"name": known["name"], "namespace": known["namespace"], "creationTimestamp": now}
    if known.get("labels"):
        metadata["labels"] = known["labels"]
    names = [container["name"] for container in pod["spec"]["containers"]]
    said = _said(machinery, pod)
    if said is None:
        uses = [_default(container) for container in pod["spec"]["containers"]]
    else:
        # Of the pod as a whole: the first container's.
        uses = [said, *(dict.fromkeys(_RESOURCES, "0") for _ in names[1:])]
    containers = [{"name": name, "usage": use} for name, use in zip(names, uses, strict=True)]
    return {"metadata": metadata, "timestamp": now, "window": "15s", "containers": containers}


def _said(machinery: Machinery, pod: Obj) -> dict[str, str] | None:
    for obj in (pod, *_owners(machinery, pod)):
        text = dig(obj, "metadata", "annotations", USE)
        if text is not None:
            pairs = [part.partition("=") for part in str(text).split(",")]
            said = {name.strip(): amount.strip() for name, _, amount in pairs}
            return {name: _quantity(said.get(name, "0")) for name in _RESOURCES}
    return None


def _quantity(text: str) -> str:
    try:
        parse(text)
    except QuantityError:
        # What is written by hand and is no amount is none.
        return "0"
    return text


def _owners(machinery: Machinery, obj: Obj) -> Iterator[Obj]:
    for _ in range(_OWNERS):
        owner = _owner(machinery, obj)
        if owner is None:
            return
        obj = owner.obj
        yield obj


def _owner(machinery: Machinery, obj: Obj) -> Stored | None:
    for reference in obj["metadata"].get("ownerReferences") or ():
        key = machinery.store.key_of_uid(reference["uid"])
        if key is not None:
            return machinery.store.get(key)
    return None


def _default(container: Obj) -> dict[str, str]:
    requests = dig(container, "resources", "requests", default={})
    return {
        name: render(-(-parse(requests.get(name, "0")) // _SHARE), form)
        for name, form in _RESOURCES.items()
    }
