"""All objects, under one revision counter; every write passes through `put` or `remove`.

There are no awaits in here: a caller that reads, decides and writes without awaiting is atomic.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import orjson

from deploy.sandbox.kubernetes.core.objects import Obj, meta, owners_of, uid_of
from deploy.sandbox.kubernetes.core.selectors import Filter
from deploy.sandbox.kubernetes.storage.collection import Collection
from deploy.sandbox.kubernetes.storage.records import Event, EventType, Key, Stored


class Journal(Protocol):
    """Where changes are made durable before they are acknowledged."""

    def write(self, event: Event) -> None:
        """Hand the change to the operating system; returns when a kill can no longer lose it."""


class Store:
    """The objects of the cluster."""

    def __init__(self, history: int, journal: Journal | None = None) -> None:
        self.revision = 1
        self._floor = 1
        self._history = history
        self._journal = journal
        self._collections: dict[str, Collection] = {}
        self._by_uid: dict[str, Key] = {}
        self._dependents: dict[str, dict[Key, None]] = {}
        self._listeners: list[tuple[Callable[[Event], None], frozenset[str] | None]] = []
        self._listeners_of: dict[str, list[Callable[[Event], None]]] = {}

    def collection(self, resource: str) -> Collection:
        """The objects of one type."""
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = Collection(self._history, self._floor)
        return found

    def resources(self) -> list[str]:
        """The types that hold at least one object."""
        return [resource for resource, found in self._collections.items() if found.items]

    def listen(
        self, listener: Callable[[Event], None], resources: frozenset[str] | None = None
    ) -> None:
        """Call the listener, synchronously, after each change of these types, of all for None."""
        self._listeners.append((listener, resources))
        self._listeners_of.clear()

    def _who_hears(self, resource: str) -> list[Callable[[Event], None]]:
        found = self._listeners_of.get(resource)
        if found is None:
            found = [one for one, of in self._listeners if of is None or resource in of]
            self._listeners_of[resource] = found
        return found

    def get(self, key: Key) -> Stored | None:
        """The present version of an object."""
        return self.collection(key.resource).items.get((key.namespace, key.name))

    def select(
        self, resource: str, namespace: str = "", wanted: Filter | None = None
    ) -> Iterator[Stored]:
        """The objects of a type and namespace (all for an empty name) that pass the filter."""
        return self.collection(resource).select(namespace, wanted)

    def key_of_uid(self, uid: str) -> Key | None:
        """Where the object with that uid stands."""
        return self._by_uid.get(uid)

    def dependents_of(self, uid: str) -> list[Key]:
        """The objects that name the uid as an owner."""
        return list(self._dependents.get(uid, ()))

    def put(self, key: Key, obj: Obj) -> Stored:
        """Store a new version; the object belongs to the store from now on."""
        before = self.get(key)
        stored = self._versioned(obj)
        self._commit(Event("MODIFIED" if before else "ADDED", key, stored, before))
        return stored

    def remove(self, key: Key, last: Obj | None = None) -> Stored:
        """Take an object out, in its last state; the result carries its deletion's revision."""
        before = self.collection(key.resource).items[key.namespace, key.name]
        state = last or before.obj
        obj = {**state, "metadata": dict(state["metadata"])}
        stored = self._versioned(obj)
        self._commit(Event("DELETED", key, stored, before))
        return stored

    def _versioned(self, obj: Obj) -> Stored:
        revision = self.revision + 1
        meta(obj)["resourceVersion"] = str(revision)
        return Stored(obj, orjson.dumps(obj), revision)

    def _commit(self, event: Event) -> None:
        if self._journal is not None:
            self._journal.write(event)
        collection = self.collection(event.key.resource)
        self.revision = event.now.revision
        self._relate(event.key, event.before, event.now if event.type != "DELETED" else None)
        collection.apply(event)
        for listener in self._who_hears(event.key.resource):
            listener(event)

    def restore(self, type_: EventType, key: Key, stored: Stored) -> None:
        """Take a journaled change back in: no history, no listeners, no journal."""
        collection = self.collection(key.resource)
        before = collection.items.get((key.namespace, key.name))
        self.revision = max(self.revision, stored.revision)
        if type_ == "DELETED" and before is None:
            return
        self._relate(key, before, stored if type_ != "DELETED" else None)
        collection.load(Event(type_, key, stored, before))

    def restored(self, revision: int) -> None:
        """End a replay: revisions go on from here, and older watches have expired."""
        self.revision = self._floor = max(self.revision, revision)
        for collection in self._collections.values():
            collection.floor = self.revision

    def _relate(self, key: Key, before: Stored | None, now: Stored | None) -> None:
        """Keep the indexes by uid and by owner."""
        if before and now and owners_of(before.obj) == owners_of(now.obj):
            return
        old = {owner["uid"] for owner in owners_of(before.obj)} if before else set()
        new = {owner["uid"] for owner in owners_of(now.obj)} if now else set()
        for uid in old - new:
            entries = self._dependents[uid]
            entries.pop(key, None)
            if not entries:
                del self._dependents[uid]
        for uid in new - old:
            self._dependents.setdefault(uid, {})[key] = None
        if before and not now:
            self._by_uid.pop(uid_of(before.obj), None)
        elif now and not before:
            self._by_uid[uid_of(now.obj)] = key
