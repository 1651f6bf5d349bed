"""Keeps catalogs and rate card in force equal to their files: at start, and at every change."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Unavailable
from services.pricing import usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Catalog
from services.pricing.errors import CatalogRejected
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.usecases import CatalogTransactions, PricingTransactions

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.catalogs")

_LOOK_AGAIN = 1.0
PURGE_EVERY = 3600.0


def catalog_texts(source: Path) -> dict[Path, str]:
    """Return the text of a catalog file, or of every ``*.yaml`` of a folder, by path.

    CatalogRejected if there is none or one cannot be read.
    """
    paths = sorted(source.glob("*.yaml")) if source.is_dir() else [source]
    if not paths:
        raise CatalogRejected(str(source), [f"{source}: holds no catalog (*.yaml)"])
    try:
        return {path: path.read_text(encoding="utf-8") for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogRejected(str(source), [f"{source}: cannot be read: {error}"]) from None


def parse_all(texts: Mapping[Path, str]) -> list[Catalog]:
    """Read every catalog; CatalogRejected lists the problems of all of them."""
    catalogs: list[Catalog] = []
    problems: list[str] = []
    for path, text in texts.items():
        try:
            catalogs.append(parse_catalog(text, str(path)))
        except CatalogRejected as rejected:
            problems += rejected.problems
    if problems:
        raise CatalogRejected("catalogs", problems)
    return catalogs


class CatalogFiles:
    """The files that catalogs come from, and what was last taken from each."""

    def __init__(self, source: Path, tx: CatalogTransactions, clock: Clock) -> None:
        self._source = source
        self._tx = tx
        self._clock = clock
        self._taken: dict[Path, str] = {}
        self._names: dict[Path, str] = {}

    async def load(self) -> None:
        """Bring every file's catalog into force.

        A bad file leaves the last good version in force; CatalogRejected if it never had one,
        since then nothing of it could be sold.
        """
        for path, text in (await asyncio.to_thread(catalog_texts, self._source)).items():
            await self._take(path, text, edited=False)

    async def watch(self) -> None:
        """Take every later change of a file, for ever."""
        while True:
            await self._clock.sleep(_LOOK_AGAIN)
            try:
                await self.look()
            except CatalogRejected as rejected:
                _log.error("A catalog is refused.", problems=rejected.problems)
            except Unavailable as trouble:
                _log.warning("Catalogs wait for the database.", problem=trouble.message)

    async def look(self) -> None:
        """Take every file that changed since it was last taken.

        CatalogRejected for a bad file whose catalog never was in force.
        """
        for path, text in (await asyncio.to_thread(catalog_texts, self._source)).items():
            if self._taken.get(path) != text:
                await self._take(path, text, edited=path in self._taken)

    async def _take(self, path: Path, text: str, *, edited: bool) -> None:
        try:
            catalog = parse_catalog(text, str(path))
            changed = await usecases.activate(self._tx, catalog, edited=edited)
        except CatalogRejected as rejected:
            self._taken[path] = text
            name = self._names.get(path, path.stem)
            if not await usecases.note_bad_source(self._tx, name, str(rejected)):
                raise
            _log.error(
                "A catalog is refused; the last good version stays in force.",
                catalog=name,
                problems=rejected.problems,
            )
            return
        self._taken[path] = text
        self._names[path] = catalog.name
        if changed:
            _log.info("A catalog is in force.", catalog=catalog.name, version=catalog.version)


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
        while True:
            await self._clock.sleep(_LOOK_AGAIN)
            try:
                await self.look()
            except CatalogRejected as rejected:
                _refused(rejected)
            except Unavailable as trouble:
                _log.warning("The rate card waits for the database.", problem=trouble.message)

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


async def purge(tx: PricingTransactions, clock: Clock) -> None:
    """Forget idempotency keys that are past their time, for ever."""
    while True:
        await clock.sleep(PURGE_EVERY)
        try:
            while await usecases.forget_answers(tx):
                pass
        except Unavailable as trouble:
            _log.warning("Idempotency keys wait for the database.", problem=trouble.message)
