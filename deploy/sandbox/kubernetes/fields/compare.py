"""What changed between two versions of an object, in field paths."""

from dataclasses import dataclass, field
from typing import Any

from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.fields.paths import Path, is_owned, keyed_items, paths_of
from deploy.sandbox.kubernetes.fields.shapes import Shape


@dataclass(slots=True)
class Changes:
    """Paths set anew, paths with another value, and the topmost paths that are gone."""

    changed: set[Path] = field(default_factory=set)
    added: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def compare(old: Obj, new: Obj, shape: Shape, *, open_maps: bool = False) -> Changes:
    """The owned fields that differ."""
    found = Changes()
    _Walk(found, open_maps).objects(old, new, shape, ())
    for paths in (found.changed, found.added, found.removed):
        paths -= {path for path in paths if not is_owned(path)}
    return found


@dataclass(slots=True)
class _Walk:
    found: Changes
    open_maps: bool

    def values(self, old: Any, new: Any, shape: Shape, at: Path) -> None:
        if old is new or old == new:
            return
        if isinstance(old, dict) and isinstance(new, dict) and not shape.atomic_map:
            self.objects(old, new, shape, at)
            return
        if isinstance(old, list) and isinstance(new, list):
            before, after = keyed_items(old, shape), keyed_items(new, shape)
            if before is not None and after is not None:
                self._items(before, after, shape.item(), at)
                return
        self.found.changed.add(at)

    def objects(self, old: Obj, new: Obj, shape: Shape, at: Path) -> None:
        for key, value in new.items():
            path = (*at, "f:" + key)
            if key in old:
                self.values(old[key], value, shape.field(key), path)
            else:
                below = paths_of(value, shape.field(key), path, open_maps=self.open_maps)
                self.found.added |= below
        self.found.removed |= {(*at, "f:" + key) for key in old.keys() - new.keys()}

    def _items(self, old: Obj, new: Obj, item: Shape, at: Path) -> None:
        for key, value in new.items():
            path = (*at, key)
            if key in old:
                self.values(old[key], value, item, path)
                continue
            self.found.added.add(path)
            if key[0] == "k":
                self.found.added |= paths_of(value, item, path, open_maps=self.open_maps)
        self.found.removed |= {(*at, key) for key in old.keys() - new.keys()}
