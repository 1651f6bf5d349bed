"""Every object that a walk sees, beside the provider's public examples and the library's types."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stripe import StripeObject
from stripe._object_classes import get_object_class

NEARBY = Path(__file__).parents[4] / "shared" / "stripe" / "fixtures3.json"
Json = dict[str, Any]
MAPS = frozenset({"price.currency_options"})  # from names that anybody may choose
FREE = frozenset({"metadata"})
LISTS = frozenset({"list", "search_result"})
# Where the examples differ from what the API gives in this version, and why.
EXCEPTIONS = {
    ("charge", "refunds"): "shown only when it is expanded",
    ("invoice", "subscription"): "moved to parent.subscription_details",
}


def fixtures() -> dict[str, Json] | None:
    """The public examples by kind (STRIPE_FIXTURES, or near the checkout); None without them."""
    path = Path(os.environ.get("STRIPE_FIXTURES", NEARBY))
    if not path.is_file():
        return None
    found: dict[str, Json] = json.loads(path.read_text())["resources"]
    # Some stand only inside others.
    found["subscription_item"] = found["subscription"]["items"]["data"][0]
    found["line_item"] = found["invoice"]["lines"]["data"][0]
    return found


def objects(value: object) -> Iterator[Json]:
    """Every object with a kind in an answer, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from objects(item)
    elif isinstance(value, dict):
        if isinstance(value.get("object"), str) and value["object"] not in LISTS:
            yield value
        for item in value.values():
            yield from objects(item)


def unknown(found: Json, known: type[StripeObject], path: str) -> Iterator[str]:
    """The fields of an object, however deep, that the library has no type for."""
    for name in found.keys() - known.__annotations__.keys() - {"deleted"}:
        yield f"{path}.{name}"
    inner: dict[str, type[StripeObject]] = known._inner_class_types
    for name, kind in inner.items():
        values = found.get(name)
        if f"{path}.{name}" in MAPS and values:
            values = list(values.values())
        for value in values if isinstance(values, list) else [values]:
            # What has a kind of its own is looked at by itself.
            if isinstance(value, dict) and "object" not in value:
                yield from unknown(value, kind, f"{path}.{name}")


@dataclass(slots=True)
class Shapes:
    """What was compared. `wrong`: differences that nothing explains, each said once."""

    examples: dict[str, Json] | None = field(default_factory=fixtures)
    checked: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    without_example: set[str] = field(default_factory=set)
    exceptions: dict[tuple[str, str], str] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)

    def look_at(self, answer: object) -> None:
        """Compare every object of an answer."""
        for found in objects(answer):
            self.checked += 1
            self._compare(found)

    def _compare(self, found: Json) -> None:
        kind = found["object"]
        self.kinds[kind] += 1
        strange = unknown(found, get_object_class("V1", kind), kind)
        self.wrong |= {f"{at}: not known to the library" for at in strange}
        if self.examples is None:
            return
        example = self.examples.get(f"deleted_{kind}" if found.get("deleted") else kind)
        if example is None:
            self.without_example.add(kind)
            return
        for name, value in example.items():
            self._field(kind, name, value, found)

    def _field(self, kind: str, name: str, example: object, found: Json) -> None:
        if name in found:
            self.wrong |= set(lacking(example, found[name], f"{kind}.{name}"))
        elif (kind, name) in EXCEPTIONS:
            self.exceptions[kind, name] = EXCEPTIONS[kind, name]
        else:
            self.wrong.add(f"{kind}.{name}: missing")


def lacking(example: object, value: object, path: str) -> Iterator[str]:
    """Where a value is of another sort than its example, or has less, however deep."""
    if not _alike(example, value):
        yield f"{path}: {type(value).__name__}, not {type(example).__name__}"
    if isinstance(example, list) and isinstance(value, list) and example and value:
        yield from lacking(example[0], value[0], f"{path}[]")
    if not isinstance(example, dict) or not isinstance(value, dict):
        return
    if "object" in example or "object" in value or path.rpartition(".")[2] in FREE:
        return
    for name, part in example.items():
        if name in value:
            yield from lacking(part, value[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: missing"


def _alike(example: object, value: object) -> bool:
    """Whether two values are of one sort; an id may be expanded, a number may be a fraction."""
    if example is None or value is None:
        return True
    if isinstance(example, str) and isinstance(value, dict):
        return "object" in value
    if isinstance(example, dict) and isinstance(value, str):
        return "object" in example
    if isinstance(example, int | float) and not isinstance(example, bool):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, type(example))
