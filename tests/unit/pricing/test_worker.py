"""Catalog files: taken at start and at every change; a bad one changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.pricing import usecases
from services.pricing.domain import ActiveCatalog
from services.pricing.errors import CatalogRejected
from services.pricing.worker import CatalogFiles
from tests.fakes.chassis import ManualClock
from tests.fakes.pricing import MemoryCatalogTransactions

GOOD = """\
catalog: pools
plans:
  big:
    name: Big
    provisions: {kind: organization, quota: {cpu: 8}}
    on_unpaid: delete
    on_end: delete
"""
BETTER = GOOD.replace("cpu: 8", "cpu: 16")
BAD = GOOD.replace("name: Big", "nmae: Big")


class Shop:
    """A folder of catalogs, and the pricing that reads it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "pools.yaml"
        self.tx = MemoryCatalogTransactions()
        self.clock = ManualClock()
        self.files = CatalogFiles(folder, self.tx, self.clock)

    async def active(self) -> ActiveCatalog:
        (only,) = await usecases.list_catalogs(self.tx)
        return only

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.files.watch())
            yield
            task.cancel()

    async def edit(self, text: str, error: str, version_of: str) -> None:
        """Write the file and wait until what is in force is as expected."""
        self.file.write_text(text)
        async with asyncio.timeout(5):
            while True:
                self.clock.advance(1.0)
                active = await self.active()
                if error in active.error and bool(error) == bool(active.error):
                    assert active.catalog.content.count(version_of) == 1
                    return
                await asyncio.sleep(0)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_a_bad_edit_changes_nothing_and_says_file_line_and_key(shop: Shop) -> None:
    shop.file.write_text(GOOD)
    await shop.files.load()
    async with shop.watching():
        await shop.edit(BAD, "pools.yaml:4: plans.big.nmae", '"cpu":8')
        await shop.edit(BETTER, "", '"cpu":16')


async def test_a_file_that_was_never_good_stops_the_start(shop: Shop) -> None:
    shop.file.write_text(BAD)
    with pytest.raises(CatalogRejected, match=r"pools\.yaml:4: plans\.big\.nmae"):
        await shop.files.load()


async def test_a_bad_file_at_start_leaves_what_was_in_force_before(shop: Shop) -> None:
    shop.file.write_text(GOOD)
    await shop.files.load()
    restarted = CatalogFiles(shop.file.parent, shop.tx, shop.clock)
    shop.file.write_text(BAD)
    await restarted.load()
    active = await shop.active()
    assert "plans.big.nmae" in active.error
    assert '"cpu":8' in active.catalog.content


async def test_an_empty_folder_is_refused(shop: Shop) -> None:
    with pytest.raises(CatalogRejected, match="holds no catalog"):
        await shop.files.load()
