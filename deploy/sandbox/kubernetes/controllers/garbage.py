"""Owner references: what loses its last owner goes, in the way that the deletion asked for."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.core.objects import (
    Obj,
    finalizers_of,
    is_deleting,
    meta,
    owners_of,
    uid_of,
)
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.verbs.delete import FOREGROUND, ORPHAN


class GarbageController(Controller):
    """Collects dependents; keys are objects that have owners or that are leaving."""

    def keys(self, event: Event) -> Collection[Key]:
        store = self.inside.machinery.store
        if event.type == "DELETED":
            found = store.dependents_of(uid_of(event.now.obj))
            owners = [store.key_of_uid(owner["uid"]) for owner in owners_of(event.now.obj)]
            return [*found, *(key for key in owners if key)]
        if owners_of(event.now.obj) or is_deleting(event.now.obj):
            return [event.key]
        return []

    def reconcile(self, key: Key) -> float | None:
        obj = self.inside.get(*key)
        if obj is None:
            return None
        if is_deleting(obj):
            self._leave(key, obj)
        elif owners_of(obj):
            self._follow_owners(key, obj)
        return None

    def _leave(self, key: Key, obj: Obj) -> None:
        finalizers = finalizers_of(obj)
        if ORPHAN in finalizers:
            for dependent_key, dependent in self._dependents(obj):
                self._disown(dependent_key, dependent, {uid_of(obj)})
            self._release(key, obj, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = False
            for dependent_key, dependent in self._dependents(obj):
                blocking |= _blocks(dependent, uid_of(obj))
                if not is_deleting(dependent):
                    self.inside.delete(dependent_key.resource, dependent)
            if not blocking or not self._still_blocked(obj):
                self._release(key, obj, FOREGROUND)

    def _still_blocked(self, obj: Obj) -> bool:
        return any(_blocks(dependent, uid_of(obj)) for _, dependent in self._dependents(obj))

    def _dependents(self, obj: Obj) -> list[tuple[Key, Obj]]:
        keys = self.inside.machinery.store.dependents_of(uid_of(obj))
        found = [(key, self.inside.get(*key)) for key in keys]
        return [(key, dependent) for key, dependent in found if dependent is not None]

    def _release(self, key: Key, obj: Obj, finalizer: str) -> None:
        present = self.inside.get(*key) or obj
        left = [item for item in finalizers_of(present) if item != finalizer]
        self.inside.set_finalizers(key.resource, obj, left)

    def _follow_owners(self, key: Key, obj: Obj) -> None:
        store = self.inside.machinery.store
        gone = {owner["uid"] for owner in owners_of(obj) if store.key_of_uid(owner["uid"]) is None}
        if not gone:
            return
        if len(gone) == len(owners_of(obj)):
            self.inside.delete(key.resource, obj)
        else:
            self._disown(key, obj, gone)

    def _disown(self, key: Key, obj: Obj, uids: set[str]) -> None:
        left = [owner for owner in owners_of(obj) if owner["uid"] not in uids]
        self.inside.change(key.resource, obj, lambda new: meta(new).update(ownerReferences=left))


def _blocks(dependent: Obj, uid: str) -> bool:
    return any(
        owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners_of(dependent)
    )
