"""Keeps the keys that quotes are signed with equal to their file."""

import asyncio
from pathlib import Path

import structlog

from services.chassis.clock import Clock
from services.pricing.signatures import BadKeys, KeyRing, QuoteKeys
from services.pricing.worker.files import LOOK_AGAIN

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.keys")


class QuoteKeyFile:
    """The file that the keys come from; a bad one leaves the last good keys in use."""

    def __init__(self, source: Path, keys: QuoteKeys, clock: Clock) -> None:
        self._source = source
        self._keys = keys
        self._clock = clock
        self._refused = ""

    async def look(self) -> None:
        """Take the file as it is now."""
        try:
            ring = await asyncio.to_thread(key_ring, self._source)
        except BadKeys as bad:
            # Said once, not at every look.
            if str(bad) != self._refused:
                self._refused = str(bad)
                _log.error(
                    "The keys of quotes are refused; the last good ones stay.", problem=str(bad)
                )
            return
        self._refused = ""
        before, after = (
            [key.key_id for key in known.public_keys()] for known in (self._keys.ring, ring)
        )
        self._keys.ring = ring
        if before != after:
            _log.info("Quotes are signed.", key=after[0], verified_by=after)

    async def watch(self) -> None:
        """Take every later change, for ever."""
        while True:
            await self._clock.sleep(LOOK_AGAIN)
            await self.look()


def key_ring(source: Path) -> KeyRing:
    """Return the keys of a file; BadKeys if it cannot be read or holds none that can sign."""
    try:
        return KeyRing.parse(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadKeys(f"cannot be read: {type(error).__name__}") from None
