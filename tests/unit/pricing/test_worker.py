"""Catalog files: taken at start and at every change; a bad one changes nothing."""

import asyncio
from pathlib import Path

import pytest

from services.pricing import usecases
from services.pricing.domain import ActiveCatalog
from services.pricing.errors import CatalogRejected
from services.pricing.sources import ImportOptions, ImportSettings
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


POOLS = """\
plans:
  small: {displayName: Small, price: 5, requests: {cpu: 1, memory: 2Gi}}
  large: {displayName: Large, price: 50, requests: {cpu: 10, memory: 20Gi}}
suspendedPlan: {cpu: 100m, memory: 128Mi, pods: 5, servicesLB: 0}
"""


async def test_a_bad_plan_of_a_foreign_form_is_noted_and_the_rest_is_in_force(shop: Shop) -> None:
    shop.file.write_text(POOLS.replace("price: 50", "price: much"))
    await shop.files.load()
    partly = await shop.active()
    assert partly.catalog.name == "kube-dc"
    assert list(partly.catalog.plans) == ["small"]
    assert "pools.yaml:3: plans.large.price: expected an amount" in partly.error
    whole = await shop.edit(POOLS)
    assert list(whole.catalog.plans) == ["small", "large"]
    assert whole.error == ""
    again = await shop.edit(POOLS.replace("cpu: 1,", "cpu: one,"))
    assert list(again.catalog.plans) == ["large"]
    assert "plans.small.requests.cpu" in again.error


async def test_a_foreign_file_that_is_broken_altogether_leaves_what_was_in_force(
    shop: Shop,
) -> None:
    shop.file.write_text(POOLS)
    await shop.files.load()
    restarted = CatalogFiles(shop.file.parent, shop.tx, shop.clock)
    shop.file.write_text(POOLS.replace("plans:", "plans: ["))
    await restarted.load()
    active = await shop.active()
    assert "is no YAML" in active.error
    assert list(active.catalog.plans) == ["small", "large"]


async def test_a_foreign_file_is_read_with_the_options_of_its_name(tmp_path: Path) -> None:
    options = ImportOptions(catalog="berth", tiers={"small": "basic"})
    tx, clock = MemoryPricingTransactions(), ManualClock()
    files = CatalogFiles(tmp_path, tx, clock, ImportSettings({"pools.yaml": options}))
    (tmp_path / "pools.yaml").write_text(POOLS)
    await files.load()
    (active,) = await usecases.list_catalogs(tx)
    assert (active.catalog.name, active.catalog.plans["small"].tier) == ("berth", "basic")


async def test_a_file_that_is_put_right_while_nobody_looks_is_no_longer_complained_of(
    shop: Shop,
) -> None:
    shop.file.write_text(GOOD)
    await shop.files.load()
    assert (await shop.edit(BAD)).error
    shop.file.write_text(GOOD)
    await CatalogFiles(shop.file.parent, shop.tx, shop.clock).load()
    assert (await shop.active()).error == ""


async def test_a_catalog_comes_from_one_file_and_a_second_one_changes_nothing(shop: Shop) -> None:
    shop.file.write_text(GOOD)
    await shop.files.load()
    (shop.file.parent / "second.yaml").write_text(BETTER)
    await shop.files.look()
    active = await shop.active()
    assert '"cpu":8' in active.catalog.content
    assert "catalog pools comes from" in active.error
    shop.file.unlink()
    (shop.file.parent / "second.yaml").write_text(BETTER + "# moved\n")
    await shop.files.look()
    moved = await shop.active()
    assert ('"cpu":16' in moved.catalog.content, moved.error) == (True, "")
