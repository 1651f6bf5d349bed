"""Lists as tables: what `kubectl get` prints, for the types that people look at here most."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from aiohttp import web

from deploy.sandbox.kubernetes.core.objects import Obj, dig

_VERSION = "meta.k8s.io/v1"
_NONE = "<none>"
Cell = Callable[[Obj], Any]


def wants_table(kind: str, request: web.BaseRequest) -> bool:
    """Whether the client would like a table first of all, and there is one of this kind."""
    words = request.headers.get("Accept", "").partition(",")[0].replace(" ", "").split(";")
    return kind in _COLUMNS and "as=Table" in words and "v=v1" in words


def table(kind: str, items: Iterable[Obj], metadata: Obj, now: datetime, *, whole: bool) -> Obj:
    """The table of these objects; each row holds its object, or only the metadata of it."""
    columns = {"Name": _at("metadata", "name"), **_COLUMNS[kind], "Age": _age(now)}
    return {
        "kind": "Table",
        "apiVersion": _VERSION,
        "metadata": metadata,
        "columnDefinitions": [_column(name) for name in columns],
        "rows": [
            {
                "cells": [cell(item) for cell in columns.values()],
                "object": item if whole else _partial(item),
            }
            for item in items
        ],
    }


def _column(name: str) -> Obj:
    return {
        "name": name,
        "type": "string",
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": 0,
    }


def _partial(item: Obj) -> Obj:
    head = {"kind": "PartialObjectMetadata", "apiVersion": _VERSION}
    return {**head, "metadata": item["metadata"]}


def _at(*path: str, missing: Any = "") -> Cell:
    return lambda item: dig(item, *path, default=missing)


def _of(ready: str, wanted: tuple[str, ...]) -> Cell:
    return lambda item: f"{dig(item, 'status', ready, default=0)}/{dig(item, *wanted, default=0)}"


def _amounts(prefix: str) -> Cell:
    def cell(item: Obj) -> str:
        hard, used = (dig(item, "status", part, default={}) for part in ("hard", "used"))
        chosen = (name for name in sorted(hard) if name.startswith("limits.") == bool(prefix))
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in chosen)

    return cell


def _pod_ready(item: Obj) -> str:
    statuses = dig(item, "status", "containerStatuses", default=[])
    ready = sum(1 for status in statuses if status.get("ready"))
    return f"{ready}/{len(dig(item, 'spec', 'containers', default=[]))}"


def _pod_status(item: Obj) -> str:
    if dig(item, "metadata", "deletionTimestamp", default=""):
        return "Terminating"
    return str(dig(item, "status", "phase", default="Unknown"))


def _restarts(item: Obj) -> int:
    statuses = dig(item, "status", "containerStatuses", default=[])
    return sum(status.get("restartCount", 0) for status in statuses)


def _selector(item: Obj) -> str:
    labels = dig(item, "spec", "podSelector", "matchLabels", default={})
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items())) or _NONE


def _role(item: Obj) -> str:
    return f"{dig(item, 'roleRef', 'kind')}/{dig(item, 'roleRef', 'name')}"


def _count(field: str) -> Cell:
    return lambda item: len(item.get(field) or {})


def _age(now: datetime) -> Cell:
    def cell(item: Obj) -> str:
        made = dig(item, "metadata", "creationTimestamp", default="")
        return _duration((now - datetime.fromisoformat(made)).total_seconds()) if made else _NONE

    return cell


def _duration(seconds: float) -> str:
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"


_COLUMNS: dict[str, dict[str, Cell]] = {
    "Namespace": {"Status": _at("status", "phase")},
    "Pod": {"Ready": _pod_ready, "Status": _pod_status, "Restarts": _restarts},
    "Deployment": {
        "Ready": _of("readyReplicas", ("spec", "replicas")),
        "Up-to-date": _at("status", "updatedReplicas", missing=0),
        "Available": _at("status", "availableReplicas", missing=0),
    },
    "StatefulSet": {"Ready": _of("readyReplicas", ("spec", "replicas"))},
    "ReplicaSet": {
        "Desired": _at("spec", "replicas", missing=0),
        "Current": _at("status", "replicas", missing=0),
        "Ready": _at("status", "readyReplicas", missing=0),
    },
    "ConfigMap": {"Data": _count("data")},
    "Secret": {"Type": _at("type"), "Data": _count("data")},
    "ResourceQuota": {"Request": _amounts(""), "Limit": _amounts("limits.")},
    "NetworkPolicy": {"Pod-Selector": _selector},
    "RoleBinding": {"Role": _role},
}
