"""Custom resource definitions: served while they stand, emptied before they go."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.core.objects import finalizers_of, is_deleting
from deploy.sandbox.kubernetes.kinds.definitions import CLEANUP_FINALIZER
from deploy.sandbox.kubernetes.resources.crd import RESOURCE, resource_of, type_of
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.storage.store import Store


def serve_definitions(store: Store, registry: Registry) -> None:
    """Keep the registry in step with the definitions in the store, from now on."""

    def on_event(event: Event) -> None:
        if event.key.resource != RESOURCE:
            return
        if event.type == "DELETED":
            registry.discard(resource_of(event.now.obj))
        else:
            registry.add(type_of(event.now.obj))

    for stored in store.select(RESOURCE):
        registry.add(type_of(stored.obj))
    store.listen(on_event)


class DefinitionController(Controller):
    """Deletes the objects of a definition that is being deleted."""

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == RESOURCE:
            return [event.key]
        if event.type == "DELETED" and self.inside.get(RESOURCE, "", event.key.resource):
            return [Key(RESOURCE, "", event.key.resource)]
        return []

    def reconcile(self, key: Key) -> float | None:
        definition = self.inside.get(*key)
        if definition is None or not is_deleting(definition):
            return None
        for obj in list(self.inside.select(key.name)):
            if not is_deleting(obj):
                self.inside.delete(key.name, obj)
        if not any(self.inside.select(key.name)):
            left = [item for item in finalizers_of(definition) if item != CLEANUP_FINALIZER]
            self.inside.set_finalizers(RESOURCE, definition, left)
        return None
