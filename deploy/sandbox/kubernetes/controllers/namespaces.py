"""Namespaces: what every one of them holds, and how one ends."""

from collections.abc import Collection
from itertools import islice

from deploy.sandbox.kubernetes.controllers.base import Controller, with_condition
from deploy.sandbox.kubernetes.core.objects import Obj, finalizers_of, is_deleting
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.verbs.inside import Inside

_RESOURCE = "namespaces"
# Objects deleted in one look, so that a full namespace does not hold up requests.
_BATCH = 200


def _key(name: str) -> Key:
    return Key(_RESOURCE, "", name)


class NamespaceController(Controller):
    """Gives a namespace its default account and root certificate; empties one that is deleted."""

    def __init__(self, inside: Inside, root_certificate: str) -> None:
        super().__init__(inside)
        self._root_certificate = root_certificate

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == _RESOURCE:
            return [event.key]
        if event.type == "ADDED" or not event.key.namespace:
            return []
        if event.key.name in ("default", "kube-root-ca.crt") or self._ends(event.key.namespace):
            return [_key(event.key.namespace)]
        return []

    def _ends(self, namespace: str) -> bool:
        found = self.inside.get(_RESOURCE, "", namespace)
        return found is not None and is_deleting(found)

    def reconcile(self, key: Key) -> float | None:
        namespace = self.inside.get(*key)
        if namespace is None:
            return None
        if is_deleting(namespace):
            self._empty(namespace, key.name)
            return None
        self._ensure("serviceaccounts", "ServiceAccount", key.name, "default", {})
        data = {"data": {"ca.crt": self._root_certificate}}
        self._ensure("configmaps", "ConfigMap", key.name, "kube-root-ca.crt", data)
        return None

    def _ensure(self, resource: str, kind: str, namespace: str, name: str, more: Obj) -> None:
        if self.inside.get(resource, namespace, name) is None:
            metadata = {"name": name, "namespace": namespace}
            obj = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
            self.inside.create(resource, obj)

    def _empty(self, namespace: Obj, name: str) -> None:
        """Delete some of the content; once nothing is left, let the namespace go."""
        store = self.inside.machinery.store
        standing = (
            (resource, obj)
            for resource in store.resources()
            for obj in self.inside.select(resource, name)
            if not is_deleting(obj)
        )
        batch = list(islice(standing, _BATCH))
        for resource, obj in batch:
            self.inside.delete(resource, obj)
        if batch:
            # Each deletion has queued this namespace again.
            return
        left = {
            resource: list(self.inside.select(resource, name)) for resource in store.resources()
        }
        left = {resource: objects for resource, objects in left.items() if objects}
        if left:
            self._tell_remaining(namespace, left)
        else:
            self.inside.change(
                _RESOURCE, namespace, lambda new: new["spec"].update(finalizers=[]), "finalize"
            )

    def _tell_remaining(self, namespace: Obj, left: dict[str, list[Obj]]) -> None:
        now = self.inside.clock.timestamp()
        counts = ", ".join(
            f"{res} has {len(objs)} resource instances" for res, objs in left.items()
        )
        message = f"Some resources are remaining: {counts}"
        status = with_condition(
            namespace["status"], "NamespaceContentRemaining", "True", "SomeResourcesRemain",
            message, now,
        )  # fmt: skip
        held = sorted(
            {item for objs in left.values() for obj in objs for item in finalizers_of(obj)}
        )
        if held:
            message = f"Some content in the namespace has finalizers remaining: {', '.join(held)}"
            status = with_condition(
                status, "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain",
                message, now,
            )  # fmt: skip
        self.inside.set_status(_RESOURCE, namespace, status)
