"""Keeps the catalogs in force equal to their files: at start, and at every change.

A file may be in any of the three forms; what an import takes besides comes from the settings.
"""

import asyncio
from collections.abc import Collection
from pathlib import Path

import structlog

from services.chassis.clock import Clock
from services.pricing import usecases
from services.pricing.domain import Catalog
from services.pricing.errors import CatalogGoverned, CatalogRejected, PriceContested
from services.pricing.sources import ImportSettings, Reading, SourceForm, accepted, opened
from services.pricing.usecases import CatalogTransactions
from services.pricing.worker.files import keep_looking
from services.pricing.worker.waiting import VersionsInForce

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.catalogs")


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


class CatalogFiles:
    """The files that catalogs come from, and what was last taken from each."""

    def __init__(
        self,
        source: Path,
        tx: CatalogTransactions,
        clock: Clock,
        imports: ImportSettings | None = None,
    ) -> None:
        self._source = source
        self._tx = tx
        self._clock = clock
        self._imports = imports or ImportSettings()
        self._taken: dict[Path, str] = {}
        self._names: dict[Path, str] = {}
        # Files whose prices another catalog sells, and whether an edit brought that about.
        self._contested: dict[Path, bool] = {}
        self._versions = VersionsInForce(tx)

    async def load(self) -> None:
        """Bring every file's catalog into force.

        A bad file leaves the last good version in force; CatalogRejected if it never had one,
        since then nothing of it could be sold.
        """
        texts = await asyncio.to_thread(catalog_texts, self._source)
        for path, text in texts.items():
            await self._take(path, text, texts, edited=False)

    async def watch(self) -> None:
        """Take every later change of a file, for ever."""
        await keep_looking(self._clock, self.look, _refused)

    async def look(self) -> None:
        """Take every file that changed since it was last taken.

        One whose prices another catalog sells is taken again when another version is in force.
        CatalogRejected for a bad file whose catalog never was in force.
        """
        texts = await asyncio.to_thread(catalog_texts, self._source)
        again = dict(self._contested) if await self._others_changed() else {}
        for path, text in texts.items():
            if self._taken.get(path) != text:
                await self._take(path, text, texts, edited=path in self._taken)
            elif path in again:
                await self._take(path, text, texts, edited=again[path])

    async def _others_changed(self) -> bool:
        return bool(self._contested) and await self._versions.changed()

    async def _take(self, path: Path, text: str, there: Collection[Path], *, edited: bool) -> None:
        reading = opened(text, str(path), self._imports.options(path.name))
        self._contested.pop(path, None)
        try:
            catalog = self._sole(path, accepted(reading, str(path)).catalog, there)
            left_out = "\n".join(str(problem) for problem in reading.problems)
            changed = await usecases.activate(self._tx, catalog, edited=edited, left_out=left_out)
        except PriceContested as contested:
            self._taken[path], self._contested[path] = text, edited
            await self._keep_last(self._names.get(path) or catalog.name, contested)
            return
        except CatalogGoverned as governed:
            self._taken[path] = text
            _log.warning("A catalog file is set aside.", file=str(path), problem=str(governed))
            return
        except CatalogRejected as rejected:
            self._taken[path] = text
            await self._keep_last(self._names.get(path) or reading.name or path.stem, rejected)
            return
        self._taken[path] = text
        self._names[path] = catalog.name
        _tell(reading, catalog, changed=changed)

    def _sole(self, path: Path, catalog: Catalog, there: Collection[Path]) -> Catalog:
        """Refuse a catalog that comes from another file already: each would undo the other."""
        others = [
            other
            for other, name in self._names.items()
            if name == catalog.name and other != path and other in there
        ]
        if others:
            what = f"{path}: catalog {catalog.name} comes from {others[0]} already"
            raise CatalogRejected(str(path), [what])
        return catalog

    async def _keep_last(self, name: str, rejected: CatalogRejected) -> None:
        if not await usecases.note_bad_source(self._tx, name, str(rejected)):
            raise rejected
        _log.error(
            "A catalog is refused; the last good version stays in force.",
            catalog=name,
            problems=rejected.problems,
        )


def _tell(reading: Reading, catalog: Catalog, *, changed: bool) -> None:
    if reading.problems:
        _log.error(
            "A part of a catalog is left out; the rest is in force.",
            catalog=catalog.name,
            problems=[str(problem) for problem in reading.problems],
        )
    if not changed:
        return
    _log.info("A catalog is in force.", catalog=catalog.name, version=catalog.version)
    if reading.form is not SourceForm.OWN and reading.notes:
        notes = [str(note) for note in reading.notes]
        _log.info("Not all of a catalog could be kept.", catalog=catalog.name, notes=notes)


def _refused(rejected: CatalogRejected) -> None:
    _log.error("A catalog is refused.", problems=rejected.problems)
