"""JSON as clients write it: numbers stay exact, and words that are no values are found by place."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias

Place: TypeAlias = tuple[int | str, ...]
"""Where something stands in a body: names of fields and numbers in lists, from the outside in."""
MOST_NAMED = 20
"""How many words are named at most: an answer is not to be longer than what it answers."""


@dataclass(frozen=True, slots=True)
class NoValue:
    """NaN, Infinity or -Infinity, as some writers of JSON put them; no field takes one."""

    word: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a body says, and where words stand that are no values, in no more than MOST_NAMED."""

    content: Any
    strays: tuple[tuple[Place, NoValue], ...] = ()


def parse(raw: bytes) -> Parsed:
    """Read JSON; ValueError, ArithmeticError or RecursionError for what is none."""
    words: list[str] = []

    def keep(word: str) -> NoValue:
        words.append(word)
        return NoValue(word)

    # Floats are decimals here: what a client wrote is what is priced.
    content = json.loads(raw or b"{}", parse_float=Decimal, parse_constant=keep)
    return Parsed(content, tuple(islice(_strays(content), MOST_NAMED)) if words else ())


def _strays(content: Any) -> Iterator[tuple[Place, NoValue]]:
    """Walk a body in its order; on no stack but its own, since bodies may be deep."""
    left: list[tuple[Place, Any]] = [((), content)]
    while left:
        place, value = left.pop()
        if isinstance(value, NoValue):
            yield place, value
        elif isinstance(value, dict):
            left += [((*place, name), inner) for name, inner in reversed(value.items())]
        elif isinstance(value, list):
            left += [((*place, n), value[n]) for n in reversed(range(len(value)))]
