"""ResourceQuota admission, against a usage that follows every change of the store."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.admission.usage import (
    Usage,
    add,
    same_usage,
    usage_of,
    uses_the_same,
)
from deploy.sandbox.kubernetes.core.errors import forbidden
from deploy.sandbox.kubernetes.core.objects import Obj, containers_of, name_of
from deploy.sandbox.kubernetes.core.quantity import format_of, parse, render
from deploy.sandbox.kubernetes.kinds.limits import is_count
from deploy.sandbox.kubernetes.storage.records import Event
from deploy.sandbox.kubernetes.storage.store import Store

_QUOTAS = "resourcequotas"
# Where a quota bounds one of these, every container has to say what it takes.
_PER_CONTAINER = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}


class QuotaLedger:
    """Usage per namespace, kept only where a quota asks for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: dict[str, Usage] = {}
        for stored in store.select(_QUOTAS):
            self._start(stored.obj["metadata"]["namespace"])
        store.listen(self._on_event)

    def _start(self, namespace: str) -> None:
        if namespace in self._used:
            return
        total = self._used[namespace] = {}
        for resource in self._store.resources():
            for stored in self._store.select(resource, namespace):
                add(total, usage_of(resource, stored.obj))

    def _on_event(self, event: Event) -> None:
        key = event.key
        if key.resource == _QUOTAS and event.type == "ADDED" and key.namespace not in self._used:
            self._start(key.namespace)
        elif key.resource == "namespaces" and event.type == "DELETED":
            self._used.pop(key.name, None)
        elif (total := self._used.get(key.namespace)) is not None and not uses_the_same(event):
            if event.before:
                add(total, usage_of(key.resource, event.before.obj), -1)
            if event.type != "DELETED":
                add(total, usage_of(key.resource, event.now.obj))

    def used(self, namespace: str) -> Usage:
        """What a namespace with a quota uses now."""
        return self._used.get(namespace, {})

    def check(self, resource: str, namespace: str, obj: Obj, old: Obj | None) -> None:
        """Refuse a write that would take a namespace over one of its quotas."""
        if namespace not in self._used or (old and same_usage(resource, old, obj)):
            return
        delta = dict(usage_of(resource, obj))
        if old is not None:
            add(delta, usage_of(resource, old), -1)
        for stored in self._store.select(_QUOTAS, namespace):
            hard = stored.obj["spec"].get("hard") or {}
            if resource == "pods" and old is None:
                _check_specified(stored.obj, hard, obj)
            self._check_one(stored.obj, hard, resource, obj, delta)

    def _check_one(self, quota: Obj, hard: Obj, resource: str, obj: Obj, delta: Usage) -> None:
        used = self.used(quota["metadata"]["namespace"])
        over = [
            name
            for name in sorted(hard)
            if delta.get(name, 0) > 0 and used.get(name, 0) + delta[name] > parse(hard[name])
        ]
        if over:
            requested = ",".join(f"{name}={_shown(delta[name], hard[name])}" for name in over)
            taken = ",".join(f"{name}={_shown(used.get(name, 0), hard[name])}" for name in over)
            limited = ",".join(f"{name}={hard[name]}" for name in over)
            why = (
                f"exceeded quota: {name_of(quota)}, requested: {requested}, used: {taken}, "
                f"limited: {limited}"
            )
            raise forbidden(resource, name_of(obj), why)

    def status(self, quota: Obj) -> Obj:
        """The status that a quota should show."""
        hard = quota["spec"].get("hard") or {}
        used = self.used(quota["metadata"]["namespace"])
        shown = {name: _shown(used.get(name, 0), amount) for name, amount in hard.items()}
        return {"hard": dict(hard), "used": shown} if hard else {}


def _shown(nano: int, like: str) -> str:
    return render(nano, format_of(like))


def _check_specified(quota: Obj, hard: Obj, pod: Obj) -> None:
    missing = dict(_missing(hard, pod))
    if missing:
        texts = "; ".join(f"{name} for: {','.join(names)}" for name, names in missing.items())
        raise forbidden(
            "pods", name_of(pod), f"failed quota: {name_of(quota)}: must specify {texts}"
        )


def _missing(hard: Obj, pod: Obj) -> Iterator[tuple[str, list[str]]]:
    for bound in sorted(hard):
        if is_count(bound) or bound not in _PER_CONTAINER:
            continue
        part, name = _PER_CONTAINER[bound]
        names = [
            str(container["name"])
            for _, container in containers_of(pod["spec"])
            if name not in (container["resources"].get(part) or {})
        ]
        if names:
            yield bound, names
