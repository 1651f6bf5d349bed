"""The objects of one type: sorted for paging, indexed by label, with a window of history."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator

from deploy.sandbox.kubernetes.core.objects import labels_of
from deploy.sandbox.kubernetes.core.selectors import Filter
from deploy.sandbox.kubernetes.storage.records import Event, Stored

Place = tuple[str, str]


class Collection:
    """Objects by (namespace, name); changes arrive through `apply` only."""

    def __init__(self, history: int, floor: int) -> None:
        self.items: dict[Place, Stored] = {}
        self.floor = floor
        self.watchers: set[Callable[[Event], None]] = set()
        self._order: list[Place] = []
        self._by_label: dict[tuple[str, str], dict[Place, None]] = {}
        self._events: deque[Event] = deque()
        self._history = history

    def apply(self, event: Event) -> None:
        """Take one change in, remember it, and tell the watchers."""
        self.load(event)
        self._events.append(event)
        if len(self._events) > self._history:
            self.floor = self._events.popleft().now.revision
        for watcher in tuple(self.watchers):
            watcher(event)

    def load(self, event: Event) -> None:
        """Take one change in without history: for replays."""
        place = (event.key.namespace, event.key.name)
        before = self.items.get(place)
        if event.type == "DELETED":
            del self.items[place]
            self._order.pop(bisect_left(self._order, place))
            self._index(place, before, None)
            return
        if before is None:
            insort(self._order, place)
        self.items[place] = event.now
        self._index(place, before, event.now)

    def _index(self, place: Place, before: Stored | None, now: Stored | None) -> None:
        old = labels_of(before.obj) if before else {}
        new = labels_of(now.obj) if now else {}
        if old == new:
            return
        for pair in old.items() - new.items():
            entries = self._by_label[pair]
            del entries[place]
            if not entries:
                del self._by_label[pair]
        for pair in new.items() - old.items():
            self._by_label.setdefault(pair, {})[place] = None

    def places(self, namespace: str, wanted: Filter, after: Place | None = None) -> list[Place]:
        """Sorted places that may match: a superset, narrowed by the best index there is."""
        if (name := wanted.exact_name()) is not None and namespace:
            found = [(namespace, name)] if (namespace, name) in self.items else []
        elif wanted.indexed_labels():
            found = self._labelled(namespace, wanted)
        else:
            found = self._range(namespace, after)
        return [place for place in found if place > after] if after else found

    def _labelled(self, namespace: str, wanted: Filter) -> list[Place]:
        places = [
            [self._by_label.get((requirement.key, v), {}) for v in requirement.values]
            for requirement in wanted.indexed_labels()
        ]
        smallest = min(places, key=lambda entries: sum(map(len, entries)))
        if namespace:
            inside = self._range(namespace, None)
            # What the pods of one template have in common, those of all namespaces have.
            if len(inside) <= sum(map(len, smallest)):
                return inside
        found = [place for entry in smallest for place in entry]
        return sorted(place for place in found if not namespace or place[0] == namespace)

    def _range(self, namespace: str, after: Place | None) -> list[Place]:
        start = bisect_left(self._order, max(after or ("", ""), (namespace, "")))
        end = bisect_left(self._order, (namespace + "\0", "")) if namespace else len(self._order)
        return self._order[start:end]

    def count(self, namespace: str) -> int:
        """How many objects a namespace holds; all of them for an empty name."""
        return len(self._range(namespace, None))

    def select(self, namespace: str = "", wanted: Filter | None = None) -> Iterator[Stored]:
        """The objects of a namespace (all for an empty name) that pass the filter."""
        wanted = wanted or Filter()
        for place in self.places(namespace, wanted):
            stored = self.items[place]
            if not wanted or wanted.accepts(stored.obj):
                yield stored

    def since(self, revision: int) -> list[Event]:
        """Changes after a revision, oldest first; only true for revisions at or above `floor`."""
        found: list[Event] = []
        for event in reversed(self._events):
            if event.now.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    def undone_since(self, revision: int) -> dict[Place, Stored | None]:
        """What changed places held at a revision; None where there was nothing."""
        states: dict[Place, Stored | None] = {}
        for event in reversed(self.since(revision)):
            states[event.key.namespace, event.key.name] = event.before
        return states
