"""The server's own hand: how controllers read and write."""

from collections.abc import Callable, Iterator

import orjson

from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.objects import Obj, meta, name_of, namespace_of, uid_of
from deploy.sandbox.kubernetes.core.selectors import Filter
from deploy.sandbox.kubernetes.storage.records import Key, Stored
from deploy.sandbox.kubernetes.verbs.create import create
from deploy.sandbox.kubernetes.verbs.delete import DeleteOptions, delete
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target, WriteOptions
from deploy.sandbox.kubernetes.verbs.update import update


class Inside:
    """Synchronous access under the name of a component; refusals are ApiErrors as for anyone."""

    def __init__(self, machinery: Machinery, manager: str = "kube-controller-manager") -> None:
        self.machinery = machinery
        self.clock = machinery.clock
        self._store = machinery.store
        self._options = WriteOptions(manager=manager)

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The object, shared: not to be changed."""
        found = self._store.get(Key(resource, namespace, name))
        return found.obj if found else None

    def select(
        self, resource: str, namespace: str = "", wanted: Filter | None = None
    ) -> Iterator[Obj]:
        """Objects, shared: not to be changed. Do not write while iterating."""
        return (stored.obj for stored in self._store.select(resource, namespace, wanted))

    def create(self, resource: str, obj: Obj) -> Obj:
        """Create an object in the namespace that it names."""
        target = self.machinery.target(resource, namespace_of(obj))
        return create(self.machinery, target, obj, self._options).obj

    def change(
        self, resource: str, obj: Obj, alter: Callable[[Obj], None], subresource: str = ""
    ) -> Obj | None:
        """Alter a copy of the present version and store it; None when the object is gone."""
        target = self.machinery.target(resource, namespace_of(obj), name_of(obj), subresource)
        found = self._present(target, obj)
        if found is None:
            return None
        new: Obj = orjson.loads(found.raw)
        alter(new)
        return update(self.machinery, target, found, new, self._options).obj

    def set_status(self, resource: str, obj: Obj, status: Obj) -> None:
        """Replace the status; nothing is written when it is the same."""
        if obj.get("status") == status:
            return
        target = self.machinery.target(resource, namespace_of(obj), name_of(obj), "status")
        found = self._present(target, obj)
        if found is not None:
            update(self.machinery, target, found, {"status": status}, self._options)

    def _present(self, target: Target, obj: Obj) -> Stored | None:
        """The present version of this very object."""
        found = self._store.get(target.key)
        return None if found is None or uid_of(found.obj) != uid_of(obj) else found

    def delete(self, resource: str, obj: Obj, grace: int | None = None) -> None:
        """Delete this very object; one that is gone or replaced is left alone."""
        target = self.machinery.target(resource, namespace_of(obj), name_of(obj))
        try:
            delete(self.machinery, target, DeleteOptions(uid=uid_of(obj), grace_seconds=grace))
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def set_finalizers(self, resource: str, obj: Obj, finalizers: list[str]) -> None:
        """Replace the finalizers; the last one that goes lets a deleted object go."""
        self.change(resource, obj, lambda new: meta(new).update(finalizers=finalizers))
