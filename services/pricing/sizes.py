"""Sizes as people write them: numbers, or Kubernetes quantities. Exact, never a float.

A bare number of memory or storage, however it is written, is so many GiB, which is what the rate
card calls a GB; a suffix means what it says (``20G`` is a little less than 19 of them).
"""

import re
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from services.chassis import quantities

_BARE = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_LONGEST = 40
_GIB = Decimal(1 << 30)
EXACT = Context(prec=200)
"""Wide enough that nothing which is taken here is ever rounded."""
_MOST_REMEMBERED = 4096  # the sizes that people ask for are few


@lru_cache(maxsize=_MOST_REMEMBERED)
def cores(text: str) -> Decimal:
    """Return how many cores; an empty text is none. ValueError says what would be right."""
    return _parse(text, "a number of cores such as 2 or 500m")


@lru_cache(maxsize=_MOST_REMEMBERED)
def gigabytes(text: str) -> Decimal:
    """Return how many GiB; an empty text is none. ValueError says what would be right."""
    expected = "a number of GiB, or a quantity such as 4Gi or 20G"
    if len(text) <= _LONGEST and _BARE.fullmatch(text):
        return _at_least_nothing(Decimal(text))
    return EXACT.divide(_parse(text, expected), _GIB)


def plain_number(text: str) -> Decimal | None:
    """Return a number without suffix or exponent, of at most 40 characters; None if it is none.

    Python itself takes more than people mean: ``1_0``, digits of other scripts, and
    ``1e-999999999``, which fills the memory once it is reckoned with.
    """
    if len(text) > _LONGEST or not _PLAIN.fullmatch(text):
        return None
    return Decimal(text)


def _parse(text: str, expected: str) -> Decimal:
    if not text:
        return Decimal(0)
    try:
        readable = len(text) <= _LONGEST and text.isascii()
        with localcontext(EXACT):
            amount = quantities.parse(text) if readable else None
    except ValueError:
        amount = None
    if amount is None:
        raise ValueError(f"expected {expected}")
    return _at_least_nothing(amount)


def _at_least_nothing(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError("cannot be negative")
    return amount.copy_abs()
