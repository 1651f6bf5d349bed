"""Bounds of what the gateway takes on at once. What is over a bound is refused, not queued."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.errors import ResourceExhausted

MAX_WEBHOOK_BYTES = 1 << 20
MAX_BODY_BYTES = 256 << 10


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
