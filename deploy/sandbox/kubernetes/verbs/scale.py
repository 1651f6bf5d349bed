"""The `/scale` subresource."""

from typing import Any

import orjson

from deploy.sandbox.kubernetes.core.causes import invalid as invalid_value
from deploy.sandbox.kubernetes.core.errors import bad_request, invalid
from deploy.sandbox.kubernetes.core.objects import Obj, dig
from deploy.sandbox.kubernetes.resources.definition import ScalePaths
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target, WriteOptions
from deploy.sandbox.kubernetes.verbs.update import update

_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(target: Target, obj: Obj) -> Obj:
    """The Scale that an object shows."""
    paths = target.version.scale or ScalePaths()
    metadata = {field: obj["metadata"][field] for field in _COPIED if field in obj["metadata"]}
    status: Obj = {"replicas": dig(obj, *paths.status_replicas, default=0)}
    selector = dig(obj, *paths.selector) if paths.selector else None
    if isinstance(selector, dict):
        labels = selector.get("matchLabels") or {}
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    elif selector:
        status["selector"] = str(selector)
    replicas = dig(obj, *paths.spec_replicas, default=0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        # None is told by silence, as the real server does.
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def write_scale(machinery: Machinery, target: Target, scale: Obj, options: WriteOptions) -> Stored:
    """Set the replicas that a Scale asks for."""
    replicas: Any = dig(scale, "spec", "replicas", default=0)
    if isinstance(replicas, bool) or not isinstance(replicas, int):
        raise bad_request("spec.replicas must be an integer")
    if replicas < 0:
        cause = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("Scale", "autoscaling", target.name, [cause])
    old = machinery.existing(target)
    new: Obj = orjson.loads(old.raw)
    new["apiVersion"] = target.api_version
    for field in ("uid", "resourceVersion"):
        if given := dig(scale, "metadata", field):
            new["metadata"][field] = given
    paths = target.version.scale or ScalePaths()
    node = new
    for part in paths.spec_replicas[:-1]:
        node = node.setdefault(part, {})
    node[paths.spec_replicas[-1]] = replicas
    return update(machinery, target, old, new, options)
