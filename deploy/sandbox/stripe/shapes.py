"""Values of JSON as the sandbox holds them, and the few helpers that every shape needs."""

from typing import Any

import orjson

# The shape of a resource is the provider's, checked by the contract tests, not by the type checker.
JsonObject = dict[str, Any]


def copy_of(value: JsonObject) -> JsonObject:
    """A deep copy of a JSON object."""
    copied: JsonObject = orjson.loads(orjson.dumps(value))
    return copied


def listing(data: list[JsonObject], url: str, has_more: bool = False) -> JsonObject:
    """The provider's list object around these items."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def address() -> JsonObject:
    """An address of which nothing is known."""
    return dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def merge_metadata(old: dict[str, str], change: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update: None clears it, an empty value drops its key."""
    if change is None:
        return {}
    return {key: value for key, value in {**old, **change}.items() if value != ""}


def difference(old: JsonObject, new: JsonObject) -> JsonObject:
    """What an update changed, with the old values: an event's `previous_attributes`."""
    changed: JsonObject = {}
    for key in {**old, **new}:
        before, value = old.get(key), new.get(key)
        if before == value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            changed[key] = difference(before, value)
        else:
            changed[key] = before
    return changed
