"""Validation of custom resources by their structural schema.

Not evaluated: `format`, `not`/`oneOf`/`anyOf`/`allOf`, and CEL rules (`x-kubernetes-validations`).
"""

import re
from collections.abc import Iterator
from typing import Any

from deploy.sandbox.kubernetes.core.causes import (
    Cause,
    duplicate,
    invalid,
    required,
    type_invalid,
    unsupported,
)
from deploy.sandbox.kubernetes.core.objects import Obj

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def check(value: Any, schema: Obj, field: str = "", *, root: bool = True) -> Iterator[Cause]:
    """Everything in the value that the schema does not allow."""
    if value is None and schema.get("nullable"):
        return
    if not _has_type(value, schema):
        yield type_invalid(field or "<nil>", value, _wanted_type(schema))
        return
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(field, value, schema["enum"])
    if isinstance(value, dict):
        yield from _check_object(value, schema, field, root=root)
    elif isinstance(value, list):
        yield from _check_list(value, schema, field)
    elif isinstance(value, str):
        yield from _check_string(value, schema, field)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(value, schema, field)


def _wanted_type(schema: Obj) -> str:
    return "integer,string" if schema.get("x-kubernetes-int-or-string") else schema["type"]


def _has_type(value: Any, schema: Obj) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    wanted = schema.get("type")
    if wanted is None:
        return True
    if isinstance(value, bool):
        return bool(wanted == "boolean")
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[wanted])


def _below(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key


def _check_object(value: Obj, schema: Obj, field: str, *, root: bool) -> Iterator[Cause]:
    for key in schema.get("required") or []:
        if key not in value:
            yield required(_below(field, key))
    properties: Obj = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for key, item in value.items():
        if root and key in ("apiVersion", "kind", "metadata"):
            continue
        if key in properties:
            yield from check(item, properties[key], _below(field, key), root=False)
        elif isinstance(additional, dict):
            yield from check(item, additional, f"{field}.{key}", root=False)
    yield from _check_size(len(value), schema, field, value, ("minProperties", "maxProperties"))


def _check_list(value: list[Any], schema: Obj, field: str) -> Iterator[Cause]:
    yield from _check_size(len(value), schema, field, value, ("minItems", "maxItems"))
    for index, item in enumerate(value):
        yield from check(item, schema.get("items") or {}, f"{field}[{index}]", root=False)
    yield from _check_unique(value, schema, field)


def _check_unique(value: list[Any], schema: Obj, field: str) -> Iterator[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return
    keys = schema.get("x-kubernetes-list-map-keys") or []
    seen: list[Any] = []
    for index, item in enumerate(value):
        identity = {key: item.get(key) for key in keys} if kind == "map" else item
        if identity in seen:
            yield duplicate(f"{field}[{index}]", identity)
        seen.append(identity)


def _check_size(
    size: int, schema: Obj, field: str, value: Any, limits: tuple[str, str]
) -> Iterator[Cause]:
    low, high = limits
    if low in schema and size < schema[low]:
        yield invalid(field, value, f"{field} in body should have at least {schema[low]} items")
    if high in schema and size > schema[high]:
        yield invalid(field, value, f"{field} in body should have at most {schema[high]} items")


def _check_string(value: str, schema: Obj, field: str) -> Iterator[Cause]:
    if len(value) < schema.get("minLength", 0):
        least = schema["minLength"]
        yield invalid(field, value, f"{field} in body should be at least {least} chars long")
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        most = schema["maxLength"]
        yield invalid(field, value, f"{field} in body should be at most {most} chars long")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield invalid(field, value, f"{field} in body should match '{schema['pattern']}'")


def _check_number(value: float, schema: Obj, field: str) -> Iterator[Cause]:
    if "minimum" in schema and value < schema["minimum"]:
        least = schema["minimum"]
        yield invalid(field, value, f"{field} in body should be greater than or equal to {least}")
    if "maximum" in schema and value > schema["maximum"]:
        most = schema["maximum"]
        yield invalid(field, value, f"{field} in body should be less than or equal to {most}")
    if schema.get("multipleOf") and value % schema["multipleOf"]:
        factor = schema["multipleOf"]
        yield invalid(field, value, f"{field} in body should be a multiple of {factor}")
