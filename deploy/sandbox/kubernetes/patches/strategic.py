"""Strategic merge patch: lists of built-in types are merged by the key that their items carry."""

from collections.abc import Callable, Iterator
from typing import Any

from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.fields.shapes import NativeShape

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
# Lists that server-side apply takes apart and this patch does not, and the other way round.
_WHOLE_LISTS = frozenset({"claims"})
_WHOLE_LISTS_BY_KIND = frozenset({("NetworkPolicy", "ports"), ("Ingress", "ports")})
_WHOLE_MAPS = frozenset({("PodDisruptionBudget", "selector")})
Order = list[Any]


def strategic_patch(kind: str, target: Obj, patch: Obj) -> Obj:
    """The target, changed in place, with the patch laid over it; a wrong patch is a 500."""
    return _merge_object(target, patch, NativeShape(kind))


def _wrong(why: str) -> ApiError:
    """What a client did wrong; the real server takes it for its own failure, without a reason."""
    return ApiError(500, "", why)


def _merge_object(target: Obj, patch: Obj, place: NativeShape) -> Obj:
    if _PATCH in patch:
        return _directed(patch)
    if _RETAIN in patch:
        for name in target.keys() - set(patch[_RETAIN]):
            del target[name]
    for name, value in patch.items():
        if not name.startswith("$"):
            order = patch.get(_ORDER + name)
            _set(target, name, _merged(target.get(name), value, place.field(name), order))
    for name, value in _directives(patch, _DELETE):
        target[name] = [item for item in target.get(name, []) if item not in value]
    for name, order in _directives(patch, _ORDER):
        if name not in patch and isinstance(target.get(name), list):
            key = _merge_key(place.field(name)) or ""
            target[name] = _ordered(target[name], order, target[name], key)
    return target


def _directed(patch: Obj) -> Obj:
    """What a patch leaves of an object that it replaces or deletes whole."""
    directive = patch[_PATCH]
    if directive not in ("replace", "delete"):
        raise _wrong(f"unknown patch type: {directive}")
    if directive == "delete":
        return {}
    fresh: Obj = _plain({name: value for name, value in patch.items() if name != _PATCH})
    return fresh


def _directives(patch: Obj, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in patch.items():
        if name.startswith(prefix):
            if not isinstance(value, list):
                raise _wrong(f"{name} must be a list")
            yield name.removeprefix(prefix), value


def _set(target: Obj, name: str, value: Any) -> None:
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _merged(old: Any, patch: Any, place: NativeShape, order: Order | None) -> Any:
    if isinstance(old, dict) and isinstance(patch, dict):
        whole = (place.kind, place.name) in _WHOLE_MAPS
        return _plain(patch) if whole else _merge_object(old, patch, place)
    key = _merge_key(place)
    if isinstance(old, list) and isinstance(patch, list) and key is not None:
        return _merge_list(old, patch, key, place, order)
    return _plain(patch)


def _merge_key(place: NativeShape) -> str | None:
    """What tells the items of a list apart; "" for plain values, None where a list is replaced."""
    if place.name in _WHOLE_LISTS or (place.kind, place.name) in _WHOLE_LISTS_BY_KIND:
        return None
    keys = place.list_keys
    return None if keys is None else keys[0][0] if keys else ""


def _merge_list(
    old: list[Any], patch: list[Any], key: str, place: NativeShape, order: Order | None
) -> list[Any]:
    identity = _identity(key)
    if any(_directive(item) == "replace" for item in patch):
        return [_plain(item) for item in patch if _directive(item) != "replace"]
    gone = [identity(item) for item in patch if _directive(item) == "delete"]
    kept = [item for item in old if identity(item) not in gone]
    given = [item for item in patch if _directive(item) is None]
    for item in given:
        at = next((n for n, one in enumerate(kept) if identity(one) == identity(item)), None)
        if at is None:
            kept.append(_plain(item))
        elif key:
            kept[at] = _merge_object(kept[at], item, place.item())
    return _ordered(kept, given if order is None else order, old, key)


def _directive(item: Any) -> Any:
    return item.get(_PATCH) if isinstance(item, dict) else None


def _identity(key: str) -> Callable[[Any], Any]:
    def identity(item: Any) -> Any:
        if not key:
            return item
        if not isinstance(item, dict) or key not in item:
            raise _wrong(f"map: {item} does not contain declared merge key: {key}")
        return item[key]

    return identity


def _ordered(items: list[Any], order: Order, old: list[Any], key: str) -> list[Any]:
    """The patch's items in the patch's order; the others where they stood among them."""
    identity = _identity(key)
    wanted, before = [identity(item) for item in order], [identity(item) for item in old]
    mine = [item for item in items if identity(item) in wanted]
    mine.sort(key=lambda item: wanted.index(identity(item)))
    others = [item for item in items if identity(item) not in wanted]
    found: list[Any] = []
    for item in mine:
        place = identity(item)
        while others and place in before and _stood_before(identity(others[0]), place, before):
            found.append(others.pop(0))
        found.append(item)
    return found + others


def _stood_before(one: Any, other: Any, before: list[Any]) -> bool:
    return one in before and before.index(one) < before.index(other)


def _plain(value: Any) -> Any:
    """What a patch brings anew: its directives and its nulls say nothing there."""
    if isinstance(value, list):
        return [_plain(item) for item in value if _directive(item) is None]
    if not isinstance(value, dict):
        return value
    return {
        name: _plain(item)
        for name, item in value.items()
        if not name.startswith("$") and item is not None and _directive(item) is None
    }
