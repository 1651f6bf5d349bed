"""Everything the sandbox knows: objects by kind and id, changed in transactions.

A transaction runs without an await, so nobody sees it half done. It writes through and remembers
what was there before; `commit` journals it, `rollback` puts the old values back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deploy.sandbox.stripe.errors import no_such
from deploy.sandbox.stripe.journal import Change, Journal
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

# Fields that lists are filtered by often enough to be found without a walk over all objects.
INDEXED = {
    "charge": ("payment_intent", "customer"),
    "checkout.session": ("customer", "payment_intent", "subscription"),
    "customer": ("email", "test_clock"),
    "dispute": ("charge", "payment_intent"),
    "invoice": ("customer",),
    "invoiceitem": ("customer", "invoice"),
    "invoice_payment": ("invoice",),
    "later": ("customer",),
    "payment_intent": ("customer",),
    "payment_method": ("customer",),
    "price": ("product", "lookup_key"),
    "radar.early_fraud_warning": ("charge", "payment_intent"),
    "refund": ("charge", "payment_intent"),
    "setup_intent": ("customer", "payment_method"),
    "subscription": ("customer",),
}
COMPACT_BEYOND = 1000  # lines in a journal that are worth rewriting


@dataclass(slots=True)
class Shelf:
    """All objects of one kind, oldest first, and where each stands in that order."""

    objects: dict[str, JsonObject] = field(default_factory=dict)
    order: dict[str, int] = field(default_factory=dict)
    index: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)  # what changed since `Agenda` last looked


class Store:
    """The objects, and the journal that outlives the process."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._shelves: dict[str, Shelf] = {}
        self._journal = journal
        self._sequence = 0
        self.committed: Callable[[Change], None] = lambda change: None

    def load(self) -> None:
        """Read the journal; rewrite it when most of it is history."""
        if self._journal is None:
            return
        lines = 0
        for change in self._journal.replay():
            lines += 1
            self._apply(change)
        live = sum(len(shelf.objects) for shelf in self._shelves.values())
        if lines > max(COMPACT_BEYOND, 2 * live):
            self._journal.rewrite(self._snapshot())

    def _apply(self, change: Change) -> None:
        for kind, value in change.put:
            self.put(kind, value["id"], value)
        for kind, object_id in change.drop:
            self.put(kind, object_id, None)

    def _snapshot(self) -> Iterator[Change]:
        for kind, shelf in self._shelves.items():
            for value in shelf.objects.values():
                yield Change(put=[(kind, value)])

    def shelf(self, kind: str) -> Shelf:
        """The objects of a kind."""
        return self._shelves.setdefault(kind, Shelf())

    def put(self, kind: str, object_id: str, value: JsonObject | None) -> JsonObject | None:
        """Set or drop an object outside the journal; answers the value that was there."""
        shelf = self.shelf(kind)
        shelf.touched.add(object_id)
        before = shelf.objects.get(object_id)
        _reindex(shelf, kind, object_id, before, value)
        if value is None:
            shelf.objects.pop(object_id, None)
            return before
        if object_id not in shelf.order:
            self._sequence += 1
            shelf.order[object_id] = self._sequence
        shelf.objects[object_id] = value
        return before

    def record(self, change: Change) -> None:
        """Journal a change that was already applied, and tell who listens."""
        if self._journal is not None:
            self._journal.append(change)
        self.committed(change)

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()


def _reindex(
    shelf: Shelf, kind: str, object_id: str, before: JsonObject | None, after: JsonObject | None
) -> None:
    for name in INDEXED.get(kind, ()):
        old = before.get(name) if before else None
        new = after.get(name) if after else None
        if old == new:
            continue
        if old is not None:
            shelf.index[name, old].discard(object_id)
        if new is not None:
            shelf.index.setdefault((name, new), set()).add(object_id)


class Transaction:
    """Reads and writes of one call. `moment`: when it began, by the machine's clock."""

    def __init__(self, store: Store, moment: float) -> None:
        self._store = store
        self._before: dict[tuple[str, str], JsonObject | None] = {}
        self.moment = moment

    def get(self, kind: str, object_id: str) -> JsonObject | None:
        """A copy of an object, or None."""
        found = self._store.shelf(kind).objects.get(object_id)
        return None if found is None else copy_of(found)

    def need(
        self, kind: str, object_id: str, param: str, *, label: str = "", status: int = 404
    ) -> JsonObject:
        """A copy of an object that the caller named; refused as resource_missing otherwise."""
        found = self.get(kind, object_id)
        if found is None:
            raise no_such(label or kind, object_id, param, status)
        return found

    def save(self, kind: str, value: JsonObject) -> JsonObject:
        """Write an object, as it is now: later changes to `value` need a save of their own."""
        self._write(kind, value["id"], copy_of(value))
        return value

    def give(self, kind: str, value: JsonObject) -> None:
        """Write an object that the caller has made and keeps nothing of: it is not copied."""
        self._write(kind, value["id"], value)

    def discard(self, kind: str, object_id: str) -> None:
        """Remove an object."""
        self._write(kind, object_id, None)

    def _write(self, kind: str, object_id: str, value: JsonObject | None) -> None:
        before = self._store.put(kind, object_id, value)
        self._before.setdefault((kind, object_id), before)

    def newest(self, kind: str) -> Iterator[JsonObject]:
        """The objects of a kind, newest first; not copies, so they are read and never changed."""
        return reversed(self._store.shelf(kind).objects.values())

    def where(self, kind: str, name: str, value: str) -> list[JsonObject]:
        """Objects by an indexed field, newest first; not copies."""
        shelf = self._store.shelf(kind)
        ids = shelf.index.get((name, value), set())
        return [shelf.objects[at] for at in sorted(ids, key=shelf.order.__getitem__, reverse=True)]

    def rank(self, kind: str, object_id: str) -> int | None:
        """Where an object stands among its kind, newer is higher; None if there is none."""
        shelf = self._store.shelf(kind)
        return shelf.order[object_id] if object_id in shelf.objects else None

    def commit(self) -> None:
        """Journal what was written; if that fails, nothing was."""
        if not self._before:
            return
        change = Change()
        for kind, object_id in self._before:
            value = self._store.shelf(kind).objects.get(object_id)
            if value is None:
                change.drop.append((kind, object_id))
            else:
                change.put.append((kind, value))
        try:
            self._store.record(change)
        except OSError:
            self.rollback()
            raise
        self._before.clear()

    def rollback(self) -> None:
        """Put everything back as it was."""
        for (kind, object_id), value in self._before.items():
            self._store.put(kind, object_id, value)
        self._before.clear()
