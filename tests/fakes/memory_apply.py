"""Server-side apply of the in-memory cluster: who owns which field, and what goes with it."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject

_ATOMIC = frozenset({"podSelector"})
"""Mappings that an apply replaces whole."""


def managed_entry(operation: str, fields: JsonObject) -> dict[str, Any]:
    """Return the entry of our manager for these fields."""
    return {
        "manager": naming.FIELD_MANAGER,
        "operation": operation,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "time": datetime(2026, 1, 1).isoformat(),  # noqa: DTZ001 - only a text
    }


def is_ours(entry: Mapping[str, Any], operation: str) -> bool:
    """Tell whether an entry is our manager's, of this operation."""
    return (entry["manager"], entry["operation"]) == (naming.FIELD_MANAGER, operation)


def fields_of(content: Json, *, top: bool = True) -> dict[str, Any]:
    """Return the fields of a manifest, as FieldsV1."""
    if type(content) is not dict and not isinstance(content, Mapping):
        return {}
    identity = ("apiVersion", "kind", "name", "namespace")
    return {
        f"f:{key}": {} if type(value) is str else fields_of(value, top=top and key == "metadata")
        for key, value in content.items()
        if not (top and key in identity)
    }


def prune(content: dict[str, Any], owned: Mapping[str, Any], kept: list[Mapping[str, Any]]) -> None:
    """Take out what was owned and nobody keeps."""
    for key, inner in owned.items():
        name = key.removeprefix("f:")
        still = [one[key] for one in kept if key in one]
        if name not in content:
            continue
        if inner and isinstance(content[name], dict):
            prune(content[name], inner, still)
        elif not still:
            del content[name]


def merge(content: dict[str, Any], wanted: JsonObject) -> None:
    """Write what is wanted into an object."""
    for key, value in wanted.items():
        if type(value) is str:
            content[key] = value
        elif (
            key not in _ATOMIC and isinstance(value, Mapping) and isinstance(content.get(key), dict)
        ):
            merge(content[key], value)
        else:
            content[key] = deepcopy(value)


def served(content: dict[str, Any]) -> dict[str, Any]:
    """Return a NetworkPolicy as it is served, without its empty lists; others as they are."""
    if content["kind"] != "NetworkPolicy" or "spec" not in content:
        return content
    spec = {key: value for key, value in content["spec"].items() if value != []}
    return {**content, "spec": spec}


def merge_patch(content: dict[str, Any], patch: JsonObject) -> None:
    """Merge a patch as RFC 7386 says: None takes a field away."""
    for key, value in patch.items():
        if value is None:
            content.pop(key, None)
        elif isinstance(value, Mapping):
            inner = content.get(key)
            content[key] = inner if isinstance(inner, dict) else {}
            merge_patch(content[key], value)
        else:
            content[key] = deepcopy(value)
