"""Bounds of what the gateway takes on at once. What is over a bound is refused, not queued."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.clock import Clock
from services.chassis.errors import ResourceExhausted
from services.chassis.identity import Principal

MAX_WEBHOOK_BYTES = 1 << 20
MAX_BODY_BYTES = 256 << 10
_MAX_CALLERS = 10_000
_MINUTE = 60.0


class InFlight:
    """Counts requests and their bytes, and refuses what would be too much.

    Webhooks have one of their own: a flood of them leaves room for people, and the other way round.
    """

    def __init__(self, *, requests: int, body_bytes: int) -> None:
        self._requests_left = requests
        self._bytes_left = body_bytes

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold a place within the block; ResourceExhausted if none is free."""
        if self._requests_left <= 0:
            raise busy()
        self._requests_left -= 1
        try:
            yield
        finally:
            self._requests_left += 1

    @contextmanager
    def reading(self, size: int) -> Iterator[None]:
        """Hold room for a body within the block; ResourceExhausted if there is none."""
        if self._bytes_left < size:
            raise busy()
        self._bytes_left -= size
        try:
            yield
        finally:
            self._bytes_left += size


def busy() -> ResourceExhausted:
    """Return the refusal of one request too many."""
    return ResourceExhausted("Too many requests at once.", reason="BUSY", retry_after=1.0)


class CallRate:
    """Bounds how often one person calls: so many a minute, all of them at once if need be.

    Counted by this process: with several gateways a person has as many times the rate.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / _MINUTE
        self._clock = clock
        # Tokens that were left, and when. Who is forgotten has a full bucket again.
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, caller: Principal) -> None:
        """Count a call; ResourceExhausted with the time to wait if it is one too many."""
        key, now = (caller.issuer, caller.subject), self._clock.monotonic()
        left, since = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - since) * self._per_second)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > _MAX_CALLERS:
            self._left.popitem(last=False)
        if not allowed:
            raise ResourceExhausted(
                f"Too many calls; {self._most:.0f} a minute are taken.",
                reason="RATE_LIMITED",
                retry_after=(1 - left) / self._per_second,
            )
