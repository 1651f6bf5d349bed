"""Structural schemas: dropping what they do not name, filling in what they default."""

from typing import Any

from deploy.sandbox.kubernetes.core.objects import Obj, copy_of

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED = "x-kubernetes-embedded-resource"
_OBJECT_FIELDS = ("apiVersion", "kind", "metadata")


def prune(value: Any, schema: Obj, *, root: bool = True) -> None:
    """Drop, in place, every field that the schema does not name."""
    if isinstance(value, list):
        for item in value:
            prune(item, schema.get("items") or {}, root=False)
    elif isinstance(value, dict):
        _prune_object(value, schema, root=root)


def _prune_object(value: Obj, schema: Obj, *, root: bool) -> None:
    properties: Obj = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    keep = root or bool(schema.get(_EMBEDDED))
    for key in list(value):
        if keep and key in _OBJECT_FIELDS:
            continue
        if key in properties:
            prune(value[key], properties[key], root=False)
        elif isinstance(additional, dict):
            prune(value[key], additional, root=False)
        elif not schema.get(_PRESERVE) and not additional:
            del value[key]


def default(value: Any, schema: Obj) -> None:
    """Fill in the defaults, in place; a null where null is not allowed is replaced."""
    if isinstance(value, list):
        for item in value:
            default(item, schema.get("items") or {})
    elif isinstance(value, dict):
        _default_object(value, schema)


def _default_object(value: Obj, schema: Obj) -> None:
    properties: Obj = schema.get("properties") or {}
    for key, child in properties.items():
        missing = key not in value or (value[key] is None and not child.get("nullable"))
        if missing and "default" in child:
            value[key] = copy_of({"default": child["default"]})["default"]
        if key in value:
            default(value[key], child)
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        for key in value.keys() - properties.keys():
            default(value[key], additional)
