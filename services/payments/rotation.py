"""Takes a provider's key that was rotated in its file, without a restart (rule 27).

A key counts only once it was seen to work and to belong to the pinned account (rule 1): until then
the one before stays in use, as operators let both be valid for a while.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.transactions import Transactions
from services.payments.pinning import KeyState, check_key
from services.payments.ports import Provider, Store
from services.payments.providers.stripe.settings import SharedKey, is_live

LOOK_AGAIN = 5.0
ASK_AGAIN = 60.0
"""Seconds between looks at the file, and between questions about a key that was refused."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("payments.rotation")


class KeyFile:
    """The file that the key comes from. ``open_with`` returns the provider with another key."""

    def __init__(
        self,
        source: Path,
        key: SharedKey,
        state: KeyState,
        tx: Transactions[Store],
        open_with: Callable[[str], Provider],
        *,
        expected: str,
        clock: Clock,
    ) -> None:
        self._source = source
        self._key = key
        self._state = state
        self._tx = tx
        self._open_with = open_with
        self._expected = expected
        self._clock = clock
        self._refused = ""
        self._ask_at = 0.0

    async def watch(self) -> None:
        """Take every later key, for ever."""
        while True:
            await self._clock.sleep(LOOK_AGAIN)
            await self.look()

    async def look(self) -> None:
        """Take the key as it is in the file now, if it is another one that fits."""
        found = await asyncio.to_thread(_read, self._source)
        if found in ("", self._key.secret_key) or self._rests(found):
            return
        try:
            judged = await self._judge(found)
        except (Refusal, ValueError) as problem:
            self._refuse(found, str(problem))
            return
        if judged.identity is None or not judged.verified:
            self._refuse(found, judged.trouble)
            return
        self._key.replace(found)
        self._state.accept(judged.identity)
        self._refused = ""
        _log.info("The provider's key was rotated.", account=str(judged.identity))

    async def _judge(self, found: str) -> KeyState:
        """Compare a key with the pin as at a start, without a word to those who use the other."""
        judged, livemode = KeyState(), is_live(found)
        candidate = self._open_with(found)
        try:
            await check_key(self._tx, candidate, self._expected, livemode, judged)
        finally:
            await candidate.close()
        return judged

    def _rests(self, found: str) -> bool:
        return found == self._refused and self._clock.monotonic() < self._ask_at

    def _refuse(self, found: str, problem: str) -> None:
        # Said once, not at every look.
        if found != self._refused:
            _log.error("The key in the file is not used; the one before stays.", problem=problem)
        self._refused, self._ask_at = found, self._clock.monotonic() + ASK_AGAIN


def _read(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        # A file that is being replaced: it is looked at again.
        return ""
