"""Taking out of an object what nobody owns any more."""

from collections.abc import Iterable
from typing import Any

from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.fields.paths import FieldSet, Path, keyed_items, prefixes
from deploy.sandbox.kubernetes.fields.shapes import Shape


def prune(obj: Obj, last: FieldSet, owned: Iterable[FieldSet], shape: Shape) -> set[Path]:
    """Drop from the object what `last` held and none of `owned` holds; returns the dropped paths.

    A list item goes whole, with the defaults that the server put into it. A map that this leaves
    empty goes too, unless somebody owns the map itself. Below the top, changed parts are replaced
    rather than altered: the object may share them with the live one.
    """
    kept: set[Path] = set()
    for fields in owned:
        kept |= prefixes(fields)
    doomed = last - kept
    gone: set[Path] = set()
    if doomed:
        _Pruner(doomed, prefixes(doomed), kept, gone).members(obj, shape, ())
    return gone


class _Pruner:
    def __init__(
        self, doomed: FieldSet, above: set[Path], kept: set[Path], gone: set[Path]
    ) -> None:
        self._doomed = doomed
        self._above = above
        self._kept = kept
        self._gone = gone

    def members(self, obj: Obj, shape: Shape, at: Path) -> None:
        for key in list(obj):
            path = (*at, "f:" + key)
            if path in self._above:
                pruned = self._value(obj[key], shape.field(key), path)
                if pruned is None:
                    del obj[key]
                else:
                    obj[key] = pruned

    def _value(self, value: Any, shape: Shape, at: Path) -> Any:
        """The value without its doomed parts; None when nothing of it is left."""
        if isinstance(value, dict) and value and not shape.atomic_map:
            below = dict(value)
            self.members(below, shape, at)
            return self._unless_empty(below, at)
        if isinstance(value, list) and (keyed := keyed_items(value, shape)) and value:
            return self._unless_empty(self._items(keyed, shape.item(), at), at)
        return self._drop(at) if at in self._doomed else value

    def _items(self, keyed: dict[str, Any], item: Shape, at: Path) -> list[Any]:
        left = []
        for key, value in keyed.items():
            path = (*at, key)
            if path in self._doomed:
                self._drop(path)
            elif path in self._above and isinstance(value, dict):
                below = dict(value)
                self.members(below, item, path)
                left.append(below)
            else:
                left.append(value)
        return left

    def _unless_empty(self, value: Any, at: Path) -> Any:
        return value if value or at in self._kept else self._drop(at)

    def _drop(self, at: Path) -> None:
        self._gone.add(at)
