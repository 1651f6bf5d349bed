"""Resource quantities: parsed to whole nano units, printed in the server's canonical form.

The real server rewrites what a client sent: `6.4Gi` is stored as `6871947673600m`, `1000M` as `1G`.
"""

import re
from functools import lru_cache

NANO = 10**9
_SHAPE = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([a-zA-Z]*)([+-]?\d*)")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL.items()}


class QuantityError(ValueError):
    """The text is no quantity."""

    def __init__(self) -> None:
        super().__init__(
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[int, str]:
    """Nano units, rounded up, and the format: binary, decimal or exponent."""
    match = _SHAPE.fullmatch(text.strip())
    if match is None or not (match[2] or match[3]):
        raise QuantityError
    sign, whole, fraction, suffix, power = match.groups(default="")
    exponent, scale, form = _suffix(suffix, power)
    digits = int((whole or "0") + fraction) * scale * NANO
    shift = exponent - len(fraction)
    nano = digits * 10**shift if shift >= 0 else -(-digits // 10**-shift)
    return (-nano if sign == "-" else nano), form


def _suffix(suffix: str, power: str) -> tuple[int, int, str]:
    """Decimal exponent, binary factor and format of a suffix."""
    if suffix in ("e", "E") and power:
        return int(power), 1, "exponent"
    if power:
        raise QuantityError
    if suffix in _BINARY:
        return 0, 1024 ** _BINARY[suffix], "binary"
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], 1, "decimal"
    raise QuantityError


def parse(value: object) -> int:
    """The quantity in nano units; raises QuantityError for anything else."""
    return _parse(_text(value))[0]


def canonical(value: object) -> str:
    """The text that the real server would store for this quantity."""
    nano, form = _parse(_text(value))
    return render(nano, form)


def format_of(value: object) -> str:
    """In which family of suffixes the quantity was written."""
    return _parse(_text(value))[1]


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError
    return str(value)


def render(nano: int, form: str = "decimal") -> str:
    """Nano units as text: the largest suffix that loses nothing."""
    if nano == 0:
        return "0"
    if form == "binary" and nano % NANO == 0 and abs(nano) >= 1024 * NANO:
        return _render_binary(nano // NANO)
    exponent = -9
    while nano % 1000 == 0 and exponent < 18:
        nano //= 1000
        exponent += 3
    if form == "exponent":
        return f"{nano}e{exponent}" if exponent else str(nano)
    return f"{nano}{_BY_EXPONENT[exponent]}"


def _render_binary(units: int) -> str:
    power = 0
    while units % 1024 == 0 and power < 6:
        units //= 1024
        power += 1
    return f"{units}{['', *_BINARY][power]}"
