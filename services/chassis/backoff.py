"""How long to wait before trying again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

Jitter = Callable[[], float]
"""Returns a number from 0 up to 1."""


def system_jitter() -> float:
    """Return a random number from 0 up to 1."""
    return random.random()  # noqa: S311 - spreads retries, guards nothing


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling delays in seconds, from ``base`` to ``cap``, each spread over its upper half."""

    base: float = 0.1
    cap: float = 60.0
    jitter: Jitter = system_jitter

    def delay(self, failures: int) -> float:
        """Return seconds to wait after this many failures in a row (from 1)."""
        full = min(self.cap, self.base * 2.0 ** min(max(failures, 1) - 1, 62))
        return full * (0.5 + 0.5 * self.jitter())
