"""One way to write a value as JSON, so that whoever hashes it gets the same digest.

Keys sorted by code point, no white space, no escapes but those that JSON needs, numbers plain:
no exponent, no zeros that say nothing. docs/pricing.md tells others how to do the same.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | Decimal | Sequence[Json] | Mapping[str, Json] | None"

_LONGEST = 1 << 16
_MOST_DIGITS = 40
_DEEPEST = 64


def read_json(text: str) -> Json:
    """Read JSON exactly: numbers with a point become decimals. ValueError says what is wrong."""
    if len(text.encode("utf-8", "replace")) > _LONGEST:
        raise ValueError(f"expected at most {_LONGEST} bytes of JSON")
    try:
        value: Json = json.loads(
            text,
            parse_float=_number,
            parse_int=_whole,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
        _require_shallow(value, _DEEPEST)
        # What cannot be written as UTF-8 has no digest.
        canonical_json(value).encode()
    except RecursionError:
        raise ValueError(f"is nested deeper than {_DEEPEST} levels") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error}") from None
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair") from None
    return value


def canonical_json(value: Json) -> str:
    """Write a value in the one way that is hashed."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}:{canonical_json(value[key])}"
            for key in sorted(value)
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def digest(value: Json) -> str:
    """Return ``sha256:`` and the hexadecimal digest of a value's canonical form."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def plain(number: Decimal) -> str:
    """Write a number without an exponent and without zeros that say nothing."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _require_shallow(value: Json, left: int) -> None:
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        return
    if not left:
        raise RecursionError
    for item in value.values() if isinstance(value, Mapping) else value:
        _require_shallow(item, left - 1)


def _number(text: str) -> Decimal:
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    # 1e999999 would fill the memory once it is written out.
    if not isinstance(exponent, int) or abs(exponent) > _MOST_DIGITS or len(text) > _MOST_DIGITS:
        raise ValueError(f"holds a number of more than {_MOST_DIGITS} digits")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"holds a number of more than {_MOST_DIGITS} digits")
    return int(text)


def _no_number(text: str) -> Decimal:
    raise ValueError(f"holds {text}, which is no number")


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("holds a key twice")
    return found
