"""Reading Kubernetes objects as plain dictionaries.

Objects that the store has handed out are shared: treat them as frozen, and copy before a change.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import orjson

Obj: TypeAlias = dict[str, Any]


def copy_of(obj: Obj) -> Obj:
    """A deep copy; a JSON round trip is several times faster than `copy.deepcopy`."""
    copied: Obj = orjson.loads(orjson.dumps(obj))
    return copied


def meta(obj: Obj) -> Obj:
    """The object's metadata, made if it is missing."""
    found: Obj = obj.setdefault("metadata", {})
    return found


def name_of(obj: Obj) -> str:
    """`metadata.name`, or nothing when the object has none yet."""
    return str(obj.get("metadata", {}).get("name") or "")


def namespace_of(obj: Obj) -> str:
    """`metadata.namespace`; empty for a cluster-scoped object."""
    return str(obj.get("metadata", {}).get("namespace") or "")


def uid_of(obj: Obj) -> str:
    """`metadata.uid`; empty before creation."""
    return str(obj.get("metadata", {}).get("uid") or "")


def labels_of(obj: Obj) -> dict[str, str]:
    """The labels, empty when there are none."""
    found: dict[str, str] = obj.get("metadata", {}).get("labels") or {}
    return found


def annotations_of(obj: Obj) -> dict[str, str]:
    """The annotations, empty when there are none."""
    found: dict[str, str] = obj.get("metadata", {}).get("annotations") or {}
    return found


def owners_of(obj: Obj) -> list[Obj]:
    """The owner references, empty when there are none."""
    found: list[Obj] = obj.get("metadata", {}).get("ownerReferences") or []
    return found


def finalizers_of(obj: Obj) -> list[str]:
    """The finalizers, empty when there are none."""
    found: list[str] = obj.get("metadata", {}).get("finalizers") or []
    return found


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference that has `controller: true`."""
    for owner in owners_of(obj):
        if owner.get("controller"):
            return owner
    return None


def is_deleting(obj: Obj) -> bool:
    """Whether a deletion has been asked for and waits for something."""
    return "deletionTimestamp" in obj.get("metadata", {})


def dig(obj: Any, *path: str, default: Any = None) -> Any:
    """The value under nested keys, or the default where one of them is missing."""
    for part in path:
        if not isinstance(obj, dict) or part not in obj:
            return default
        obj = obj[part]
    return default if obj is None else obj


def without_nulls(value: Any) -> Any:
    """A copy with null members of objects dropped, as decoding into Go structs drops them."""
    try:
        raw = orjson.dumps(value)
    except TypeError:
        # YAML knows keys and numbers that JSON does not.
        return _without_nulls(value)
    # Nearly nothing has any, and then a JSON round trip is several times faster.
    return _without_nulls(value) if b"null" in raw else orjson.loads(raw)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def containers_of(pod_spec: Obj) -> Iterator[tuple[str, Obj]]:
    """Each container of a pod spec with its field path below the spec."""
    for field in ("initContainers", "containers"):
        for index, container in enumerate(pod_spec.get(field) or []):
            yield f"{field}[{index}]", container


def condition_of(obj: Obj, kind: str) -> Obj | None:
    """The status condition of that type."""
    conditions = dig(obj, "status", "conditions", default=[])
    return next((item for item in conditions if item.get("type") == kind), None)
