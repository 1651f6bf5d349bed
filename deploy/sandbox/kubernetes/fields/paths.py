"""Sets of field paths, and their `FieldsV1` form.

A path is a tuple of FieldsV1 keys: `("f:spec", "f:containers", 'k:{"name":"web"}', "f:image")`.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.fields.shapes import ListKeys, NativeShape, Shape

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = frozenset[Path]

EMPTY: FieldSet = frozenset()
# Written by the server itself: nobody owns them.
_UNOWNED_ROOT = frozenset({"apiVersion", "kind"})
_UNOWNED_METADATA = frozenset(
    {
        "name",
        "generateName",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    }
)
# Free-form maps, of which an updater also owns the map itself.
_OPEN_MAPS = frozenset({"f:labels", "f:annotations", "f:data"})


def is_owned(path: Path) -> bool:
    """Whether a path is one that managers own."""
    first = path[0].removeprefix("f:")
    if first != "metadata":
        return first not in _UNOWNED_ROOT
    return len(path) > 1 and path[1].removeprefix("f:") not in _UNOWNED_METADATA


def item_key(item: Any, keys: ListKeys) -> str | None:
    """The FieldsV1 key of a list item, or None when it lacks what tells it apart."""
    if not keys:
        return None if isinstance(item, dict | list) else "v:" + orjson.dumps(item).decode()
    if not isinstance(item, dict):
        return None
    found = {key: item.get(key, default) for key, default in keys}
    if any(value is None for value in found.values()):
        return None
    return "k:" + orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


def keyed_items(items: list[Any], shape: Shape) -> dict[str, Any] | None:
    """List items by their FieldsV1 keys, or None when the list has to be taken whole."""
    keys = shape.list_keys
    if keys is None:
        return None
    found: dict[str, Any] = {}
    for item in items:
        key = item_key(item, keys)
        if key is None or key in found:
            return None
        found[key] = item
    return found


def paths_of(value: Any, shape: Shape, at: Path = (), *, open_maps: bool = False) -> set[Path]:
    """The paths that a value sets; `open_maps` adds labels, annotations and data themselves."""
    if isinstance(value, dict) and value and not (at and shape.atomic_map):
        found = {at} if open_maps and at and at[-1] in _OPEN_MAPS else set()
        for key, item in value.items():
            found |= paths_of(item, shape.field(key), (*at, "f:" + key), open_maps=open_maps)
        return found
    if isinstance(value, list) and value:
        keyed = keyed_items(value, shape)
        if keyed is not None:
            found = set()
            for key, item in keyed.items():
                path = (*at, key)
                found.add(path)
                if key[0] == "k":
                    found |= paths_of(item, shape.item(), path, open_maps=open_maps)
            return found
    return {at} if at else set()


def owned_paths(obj: Obj, shape: Shape, *, open_maps: bool = False) -> FieldSet:
    """The paths of a whole object that a manager comes to own."""
    return frozenset(filter(is_owned, paths_of(obj, shape, open_maps=open_maps)))


def fields_of(obj: Obj, shape: Shape) -> Obj:
    """FieldsV1 of everything that who creates an object comes to own, at once.

    It says what `to_fields_v1` says of `owned_paths(..., open_maps=True)`.
    """
    fields: Obj = {}
    for key in sorted(obj.keys() - _UNOWNED_ROOT):
        below = shape.field(key)
        if key != "metadata":
            fields["f:" + key] = _tree_of(obj[key], below, "f:" + key)
            continue
        own = {name: obj[key][name] for name in obj[key].keys() - _UNOWNED_METADATA}
        if own:
            fields["f:metadata"] = _tree(own, below, "f:metadata")
    return fields


def _tree_of(value: Any, shape: Shape, key: str) -> Obj:
    """The tree of a part that stands alike in many objects, as all pods of a set have one spec."""
    if isinstance(shape, NativeShape):
        return _native_tree(orjson.dumps(value), shape, key)
    return _tree(value, shape, key)


@lru_cache(maxsize=512)
def _native_tree(raw: bytes, shape: NativeShape, key: str) -> Obj:
    return _tree(orjson.loads(raw), shape, key)


def _tree(value: Any, shape: Shape, key: str) -> Obj:
    """The nested form of what a value sets; a leaf is empty."""
    if isinstance(value, dict) and value and not shape.atomic_map:
        node = {
            "f:" + name: _tree(value[name], shape.field(name), "f:" + name)
            for name in sorted(value)
        }
        if key in _OPEN_MAPS:
            node["."] = {}
        return node
    keyed = keyed_items(value, shape) if isinstance(value, list) and value else None
    if keyed is None:
        return {}
    item = shape.item()
    return {name: _item_tree(keyed[name], item, name) for name in sorted(keyed)}


def _item_tree(value: Any, shape: Shape, key: str) -> Obj:
    below = _tree(value, shape, key) if key[0] == "k" else {}
    return {**below, ".": {}} if below else {}


def prefixes(paths: Iterable[Path]) -> set[Path]:
    """The paths with everything above them."""
    found: set[Path] = set()
    for path in paths:
        for length in range(len(path), 0, -1):
            prefix = path[:length]
            if prefix in found:
                break
            found.add(prefix)
    return found


def without_subtrees(paths: FieldSet, roots: set[Path]) -> FieldSet:
    """The paths that are not at or below one of the roots."""
    if not roots:
        return paths
    return frozenset(
        path
        for path in paths
        if not any(path[:length] in roots for length in range(1, len(path) + 1))
    )


@lru_cache(maxsize=4096)
def to_fields_v1(paths: FieldSet) -> Obj:
    """The nested form that `managedFields` holds; shared by all who own the same."""
    root: Obj = {}
    for path in sorted(paths):
        node = root
        for part in path:
            node = node.setdefault(part, {})
    for path in paths:
        node = root
        for part in path:
            node = node[part]
        if node:
            node["."] = {}
    return root


def from_fields_v1(fields: Obj) -> FieldSet:
    """The paths of a nested form; raises ValueError where it is malformed."""
    return _decode(orjson.dumps(fields))


@lru_cache(maxsize=4096)
def _decode(raw: bytes) -> FieldSet:
    found: set[Path] = set()
    _collect(orjson.loads(raw), (), found)
    return frozenset(found)


def _collect(node: Any, at: Path, found: set[Path]) -> None:
    if not isinstance(node, dict):
        raise ValueError(f"fieldsV1 must be nested objects, not {node!r}")
    if at and not node:
        found.add(at)
    for key, child in node.items():
        if key == ".":
            found.add(at)
        elif key[:2] in ("f:", "k:", "v:", "i:"):
            _collect(child, (*at, key), found)
        else:
            raise ValueError(f"fieldsV1 has an unknown key {key!r}")


def shown(path: Path) -> str:
    """A path as conflict texts name it: `.spec.containers[name="web"].image`."""
    return "".join(map(_shown_part, path))


def _shown_part(part: str) -> str:
    kind, text = part[:2], part[2:]
    if kind == "f:":
        return f".{text}"
    if kind == "v:":
        return f"[={text}]"
    pairs = orjson.loads(text)
    return "[" + ",".join(f"{key}={orjson.dumps(v).decode()}" for key, v in pairs.items()) + "]"
