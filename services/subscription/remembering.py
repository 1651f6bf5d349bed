"""Remembers what cannot change, up to a number of things (rule 27)."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """The ``most`` things that were asked for last. Each has to be the same for ever by its key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return what is remembered, None if it is not."""
        value = self._known.pop(key, None)
        if value is not None:
            self._known[key] = value
        return value

    def keep(self, key: K, value: V) -> None:
        """Remember something, at the cost of what was not asked for the longest."""
        self._known.pop(key, None)
        self._known[key] = value
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]
