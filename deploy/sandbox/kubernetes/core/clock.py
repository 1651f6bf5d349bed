"""Time and random identifiers, in one place so that nothing else reads them."""

import secrets
import time
import uuid
from datetime import UTC, datetime

# Kubernetes leaves out vowels and look-alikes so that generated names spell nothing.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Clock:
    """The wall clock and the source of unguessable names."""

    def __init__(self) -> None:
        self._second = 0
        self._shown = ""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def timestamp(self) -> str:
        """The present moment as `metav1.Time`: RFC 3339 with whole seconds."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._shown = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._shown

    def monotonic(self) -> float:
        """Seconds for measuring delays."""
        return time.monotonic()

    def uid(self) -> str:
        """A new object uid."""
        return str(uuid.uuid4())

    def suffix(self, length: int = 5) -> str:
        """Random characters for generated names."""
        return "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(length))
