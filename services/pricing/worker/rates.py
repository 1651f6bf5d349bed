"""Keeps the rate card in force equal to its file: at start, and at every change."""

import asyncio
from pathlib import Path

import structlog

from services.chassis.clock import Clock
from services.pricing import usecases
from services.pricing.errors import CatalogRejected
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.usecases import PricingTransactions
from services.pricing.worker.files import keep_looking

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.rates")


class RateCardFile:
    """The file that the rate card comes from, and what was last taken from it."""

    def __init__(self, source: Path, tx: PricingTransactions, clock: Clock) -> None:
        self._source = source
        self._tx = tx
        self._clock = clock
        self._taken = ""

    async def load(self) -> None:
        """Bring the file's rate card into force.

        A bad file leaves the last good version in force; CatalogRejected if there never was one,
        since then nothing could be priced.
        """
        try:
            await self._take(await asyncio.to_thread(rate_card_text, self._source), edited=False)
        except CatalogRejected as rejected:
            if not await usecases.has_rate_card(self._tx):
                raise
            _refused(rejected)

    async def watch(self) -> None:
        """Take every later change of the file, for ever; a bad one changes nothing."""
        await keep_looking(self._clock, self.look, _refused)

    async def look(self) -> None:
        """Take the file if it changed since it was last looked at."""
        text = await asyncio.to_thread(rate_card_text, self._source)
        if text != self._taken:
            await self._take(text, edited=True)

    async def _take(self, text: str, *, edited: bool) -> None:
        try:
            card = parse_rate_card(text, str(self._source))
        except CatalogRejected:
            # Said once, not at every look.
            self._taken = text
            raise
        changed = await usecases.activate_rate_card(self._tx, card, edited=edited)
        self._taken = text
        if changed:
            _log.info("A rate card is in force.", version=card.version)


def _refused(rejected: CatalogRejected) -> None:
    _log.error(
        "The rate card is refused; the last good version stays in force.",
        problems=rejected.problems,
    )


def rate_card_text(source: Path) -> str:
    """Return the text of a rate card's file; CatalogRejected if it cannot be read."""
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogRejected(str(source), [f"{source}: cannot be read: {error}"]) from None
