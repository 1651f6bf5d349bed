"""Whether an object of the cluster is as it should be.

Wanted is a subset: what the API server adds (defaults, status, other writers' labels) is no
difference. Lists are compared as wholes, item by item: one more rule in a policy is a difference.
An empty list is none, as the API server has it. Where nothing may be added: see ``exact``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TypeGuard

import orjson

from services.chassis import quantities
from services.provisioner.domain import Json, JsonObject

_QUANTITY_MAPS = frozenset(
    {"hard", "requests", "limits", "default", "defaultRequest", "max", "min"}
)
"""Mappings of resource names to quantities, wherever they stand in our objects."""
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def matches(wanted: Json, live: Json, *, amounts: bool = False) -> bool:
    """Tell whether everything wanted is in ``live``; ``amounts`` compares leaves as quantities."""
    if _is_mapping(wanted):
        if not _is_mapping(live):
            return False
        for key, value in wanted.items():
            if key not in live:
                if value == []:
                    continue
                return False
            # Most of it is the same to the letter, and that is one comparison.
            if value != live[key] and not matches(
                value, live[key], amounts=amounts or key in _QUANTITY_MAPS
            ):
                return False
        return True
    if _is_list(wanted) and _is_list(live):
        return len(wanted) == len(live) and all(
            matches(one, other) for one, other in zip(wanted, live, strict=True)
        )
    return wanted == live or (amounts and same_amount(wanted, live))


def differences(wanted: Json, live: Json, path: str = "") -> list[str]:
    """Return the paths at which ``live`` is not as wanted, for people."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return [
            found
            for key, value in wanted.items()
            if not matches({key: value}, live)
            for found in differences(value, live.get(key), f"{path}.{key}" if path else key)
        ]
    return [path]


def same_amount(left: Json, right: Json) -> bool:
    """Tell whether two quantities are the same amount; the API takes whole numbers too."""
    try:
        return quantities.equal(_amount(left), _amount(right))
    except ValueError:
        return False


def digest(wanted: JsonObject) -> str:
    """Return a hash that is the same for the same content, however its quantities are written."""
    raw = _sorted(_canonical(wanted))
    return hashlib.sha256(raw).hexdigest()[:32]


def _sorted(value: Json) -> bytes:
    """Return JSON with sorted keys, the same bytes for ever: they are hashed into annotations."""
    # The other one knows numbers of any size, escapes DEL and what is beyond ASCII, and takes five
    # times as long.
    with suppress(TypeError):
        raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if raw.isascii() and b"\x7f" not in raw:
            return raw
    return _CANONICAL.encode(value).encode()


def _canonical(value: Json, *, amounts: bool = False) -> Json:
    if type(value) is str:
        return value
    if _is_mapping(value):
        return {
            key: _canonical(item, amounts=key in _QUANTITY_MAPS) if not amounts else _spelled(item)
            for key, item in value.items()
        }
    if _is_list(value):
        return [_canonical(item) for item in value]
    return value


def _spelled(value: Json) -> Json:
    try:
        return _spelling(_amount(value))
    except ValueError:
        return _canonical(value)


@lru_cache(maxsize=4096)
def _spelling(amount: str) -> str:
    """Return the one spelling of an amount; every tenant of a plan has the same few."""
    return format(quantities.parse(amount).normalize(), "f")


def _amount(value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no quantity")
    return str(value)


# Nearly everything is one of three types exactly, and asking an abstract class costs ten times as
# much: a run over a tenant asks some thousand times.


def _is_mapping(value: Json) -> TypeGuard[Mapping[str, Json]]:
    kind = type(value)
    return kind is dict or (kind is not str and kind is not list and isinstance(value, Mapping))


def _is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    kind = type(value)
    if kind is str or kind is dict:
        return False
    return kind is list or (isinstance(value, Sequence) and not isinstance(value, str))
