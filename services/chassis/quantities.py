"""Kubernetes quantities: parsed, compared, added and written. Exact, never a float.

Two spellings of the same amount (``6.4Gi``, ``6871947673600m``) are one quantity: compare with
``parse``, never as text.
"""

import re
from decimal import Decimal

_PATTERN = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?\d{1,2})|(m|k|[MGTPE]i?|Ki|n|u|))",
    re.ASCII,
)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_LARGEST = Decimal(2) ** 63


def parse(text: str) -> Decimal:
    """Return the amount of a quantity; ValueError if it is none or beyond 2^63."""
    match = _PATTERN.fullmatch(text)
    if match is None or len(text) > 64:
        raise ValueError(f"{text!r} is no quantity; expected one such as 2, 500m, 4Gi or 20G")
    number, exponent, suffix = match.groups()
    amount = Decimal(number)
    if exponent is not None:
        amount = amount.scaleb(int(exponent))
    elif suffix in _BINARY:
        amount *= 1 << _BINARY[suffix]
    else:
        amount = amount.scaleb(_DECIMAL[suffix])
    if abs(amount) > _LARGEST:
        raise ValueError(f"{text!r} is beyond what a quantity can hold")
    return amount


def equal(left: str, right: str) -> bool:
    """Tell whether two spellings are one amount."""
    return left == right or parse(left) == parse(right)


def add(left: str, right: str, times: int = 1) -> str:
    """Return ``left + right * times``, written in the manner of ``left``.

    The suffix is kept where the sum is a whole number of it; else the next smaller one that fits.
    """
    total = parse(left) + parse(right) * times
    suffix = _suffix(left)
    if not suffix:
        suffix = _suffix(right)
    return spell(total, binary=suffix.endswith("i"), largest=suffix)


def spell(amount: Decimal, *, binary: bool, largest: str = "") -> str:
    """Write an amount with the largest suffix, at most ``largest``, that leaves a whole number."""
    ladder = [*_binary_ladder(largest)] if binary else [*_decimal_ladder(largest)]
    for suffix, unit in ladder:
        if amount % unit == 0:
            return f"{int(amount / unit)}{suffix}"
    raise ValueError(f"{amount} is finer than a quantity can say")


def _suffix(text: str) -> str:
    match = _PATTERN.fullmatch(text)
    return (match.group(3) or "") if match else ""


def _binary_ladder(largest: str) -> list[tuple[str, Decimal]]:
    top = _BINARY.get(largest, 0)
    steps = [(s, Decimal(1 << bits)) for s, bits in reversed(_BINARY.items()) if bits <= top]
    return [*steps, ("", Decimal(1)), ("m", Decimal("0.001"))]


def _decimal_ladder(largest: str) -> list[tuple[str, Decimal]]:
    top = _DECIMAL[largest]
    return [(s, Decimal(1).scaleb(e)) for s, e in reversed(_DECIMAL.items()) if e <= top]
