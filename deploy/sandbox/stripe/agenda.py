"""What falls due first, kept in order, so that time need not look through all objects."""

import heapq
from collections.abc import Callable, Sequence

from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.state import Store

Look = Callable[[int, JsonObject], int | None]


class Agenda:
    """The due times of objects of some kinds; only those that changed are looked at again."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, str]] = []
        self._known: dict[tuple[int, str], int] = {}

    def first(self, store: Store, kinds: Sequence[str], look: Look) -> tuple[int, int, str] | None:
        """What is due first: when, the position of its kind, its id; None if nothing is.

        `look` says when an object of the kind at a position is due, None for never. At one time
        the earlier kind comes first, then the older object.
        """
        for at, kind in enumerate(kinds):
            shelf = store.shelf(kind)
            for name in shelf.touched:
                self._set(at, name, shelf.order.get(name, 0), shelf.objects.get(name), look)
            shelf.touched.clear()
        while self._heap:
            due, at, _, name = self._heap[0]
            if self._known.get((at, name)) == due:
                return due, at, name
            heapq.heappop(self._heap)
        return None

    def _set(self, at: int, name: str, rank: int, value: JsonObject | None, look: Look) -> None:
        due = None if value is None else look(at, value)
        if due is None:
            self._known.pop((at, name), None)
        elif self._known.get((at, name)) != due:
            self._known[at, name] = due
            heapq.heappush(self._heap, (due, at, rank, name))
