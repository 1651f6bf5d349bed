"""What of an object is worth keeping by the ten thousand.

Who owns which field is only asked of what was just read, and is half of an object. The same keys
and words stand in every tenant's objects, and most of an object is as it was before the event; both
are kept once.
"""

from collections.abc import Mapping
from sys import intern

from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import section

_NOTHING: JsonObject = {}


def slim(content: JsonObject, before: JsonObject = _NOTHING) -> JsonObject:
    """Return an object as it is kept, given how it was kept before."""
    metadata = content.get("metadata")
    if isinstance(metadata, Mapping) and "managedFields" in metadata:
        told = {key: value for key, value in metadata.items() if key != "managedFields"}
        content = {**content, "metadata": told}
    known = section(before, "metadata")
    return {
        intern(key): _members(value, known)
        if key == "metadata" and isinstance(value, Mapping)
        else _kept(value, before.get(key))
        for key, value in content.items()
    }


def _members(values: JsonObject, before: JsonObject) -> JsonObject:
    return {intern(key): _kept(value, before.get(key)) for key, value in values.items()}


def _kept(value: Json, before: Json) -> Json:
    if type(value) is str:
        return intern(value)
    return before if before is not None and value == before else _shared(value)


def _shared(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            intern(key): intern(inner) if type(inner) is str else _shared(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [intern(inner) if type(inner) is str else _shared(inner) for inner in value]
    return value
