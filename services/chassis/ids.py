"""Identifiers: opaque, prefixed, either random and time-ordered or derived from what they name."""

import secrets
from hashlib import sha256
from typing import Protocol

from services.chassis.clock import Clock, SystemClock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_RANDOM_BITS = 80
_TIME_MASK = (1 << 48) - 1
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_PLACES = range(5 * (_LENGTH - 2), -1, -10)


class Ids(Protocol):
    """Where a service gets a new id from."""

    def new(self, prefix: str) -> str:
        """Return an id that nobody has had before, such as ``acc_01jd…``."""
        ...


class RandomIds:
    """Time-ordered random ids: 48 bits of milliseconds, then 80 random bits."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def new(self, prefix: str) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000) & _TIME_MASK
        return f"{prefix}_{_encode(milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))}"


def derived(prefix: str, *parts: str) -> str:
    """Return the id that these parts always have, so that a replay makes the same one.

    Each part is hashed with its length, so ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    raw = [part.encode() for part in parts]
    hashed = b"".join([len(part).to_bytes(8, "big") + part for part in raw])
    return f"{prefix}_{_encode(int.from_bytes(sha256(hashed).digest()[:16], 'big'))}"


def _encode(value: int) -> str:
    # Ten bits at a time: ids are made by the dozen for a payment.
    pairs = _PAIRS
    return "".join([pairs[value >> place & 1023] for place in _PLACES])
