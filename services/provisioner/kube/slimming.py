"""What of an object is worth keeping by the ten thousand.

Who owns which field is only asked of what was just read, and is half of an object. The same keys
and words stand in every tenant's objects, all tenants of a plan are given the same specs and rules,
and most of an object is as it was before the event; all three are kept once.
"""

from collections.abc import Mapping
from functools import lru_cache
from sys import intern

import orjson

from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import section

_NOTHING: JsonObject = {}
_OWN = frozenset({"metadata", "status"})
"""What no two objects have in common."""
_MOST = 4096
"""Sections that are remembered for the next object; one is some 2 KiB."""


def slim(content: JsonObject, before: JsonObject = _NOTHING) -> JsonObject:
    """Return an object as it is kept, given how it was kept before."""
    kept: dict[str, Json] = {}
    for key, value in content.items():
        known = before.get(key)
        if type(value) is str:
            kept[intern(key)] = intern(value)
        elif key == "metadata" and isinstance(value, Mapping):
            kept[intern(key)] = _metadata(value, section(before, key))
        elif known is not None and value == known:
            kept[intern(key)] = known
        else:
            kept[intern(key)] = _shared(value) if key in _OWN else _whole(value)
    return kept


def _metadata(values: JsonObject, before: JsonObject) -> JsonObject:
    kept: dict[str, Json] = {}
    for key, value in values.items():
        known = before.get(key)
        if key == "managedFields":
            continue
        if type(value) is str:
            kept[intern(key)] = intern(value)
        else:
            kept[intern(key)] = known if known is not None and value == known else _shared(value)
    return kept


def _whole(value: Json) -> Json:
    """Return what others were given too, as one value for all of them."""
    try:
        return _of_many(orjson.dumps(value))
    except TypeError:
        # A number of more than 64 bits.
        return _shared(value)


@lru_cache(_MOST)
def _of_many(raw: bytes) -> Json:
    return _shared(orjson.loads(raw))


def _shared(value: Json) -> Json:
    if isinstance(value, dict):
        kept: dict[str, Json] = {}
        for key, inner in value.items():
            kept[intern(key)] = intern(inner) if type(inner) is str else _shared(inner)
        return kept
    if isinstance(value, list):
        return [intern(inner) if type(inner) is str else _shared(inner) for inner in value]
    return value
