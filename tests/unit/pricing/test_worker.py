"""Catalog files: taken at start and at every change; a bad one changes nothing."""

import asyncio
from pathlib import Path

import pytest

from services.pricing import usecases
from services.pricing.domain import ActiveCatalog
from services.pricing.errors import CatalogRejected
from services.pricing.worker import CatalogFiles
from tests.fakes.chassis import ManualClock
from tests.fakes.pricing import MemoryPricingTransactions

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
        self.tx = MemoryPricingTransactions()
        self.clock = ManualClock()
        self.files = CatalogFiles(folder, self.tx, self.clock)

    async def active(self) -> ActiveCatalog:
        (only,) = await usecases.list_catalogs(self.tx)
        return only

    async def edit(self, text: str) -> ActiveCatalog:
        """Write the file, have it looked at, and return what is in force then."""
        self.file.write_text(text)
        await self.files.look()
        return await self.active()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_a_bad_edit_changes_nothing_and_says_file_line_and_key(shop: Shop) -> None:
    shop.file.write_text(GOOD)
    await shop.files.load()
    refused = await shop.edit(BAD)
    assert "pools.yaml:4: plans.big.nmae" in refused.error
    assert '"cpu":8' in refused.catalog.content
    taken = await shop.edit(BETTER)
    assert taken.error == ""
    assert '"cpu":16' in taken.catalog.content


async def test_a_file_that_is_watched_is_taken_when_a_second_has_passed(shop: Shop) -> None:
    shop.file.write_text(GOOD)
    await shop.files.load()
    shop.file.write_text(BETTER)
    taken = asyncio.Event()
    shop.tx.after_run = taken.set
    async with asyncio.TaskGroup() as group:
        task = group.create_task(shop.files.watch())
        await asyncio.sleep(0)
        shop.clock.advance(1.0)
        async with asyncio.timeout(10):
            await taken.wait()
        task.cancel()
    assert '"cpu":16' in (await shop.active()).catalog.content


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
