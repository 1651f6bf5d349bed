"""``tollgate-catalog`` as a process, and what it writes taken by pricing on PostgreSQL."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.pricing import convert, usecases
from services.pricing.sources import ImportSettings
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.worker import CatalogFiles
from tests.fakes.chassis import ManualClock
from tests.integration.postgres_fixture import Database
from tests.unit.pricing.sources.samples import CATALOGS, ENVIRONMENT, EXAMPLES, settings

ROOT = Path(__file__).resolve().parents[3]
POOLS, OPTIONS = EXAMPLES / "billing-plans.yaml", EXAMPLES / "imports.yaml"


@dataclass(frozen=True)
class Said:
    """How the tool ended, and what it said."""

    code: int
    out: str
    err: str


async def catalog_tool(*arguments: str | Path) -> Said:
    """Run the tool with the price ids of the sandbox."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.pricing.tool", *map(str, arguments)),
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}",
            **ENVIRONMENT,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Said(process.returncode or 0, out.decode(), err.decode())


async def converted(file: Path, form: str, into: Path, *more: str) -> Said:
    """Import a file into a form; the options are those of ``billing-plans.yaml``."""
    return await catalog_tool("import", file, "--to", form, "--output", into, *more)


async def versions_of(database: Database, folder: Path, imports: ImportSettings) -> list[str]:
    """Return the versions of catalogs that pricing brings into force from a folder."""
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [ROOT / "services" / "pricing" / "migrations"])
    pool = await open_pool(dsns.service, application_name="test", max_size=2)
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    tx = PgTransactions(pool, lambda one: PgStore(one, VersionCache(), CardCache(), codec))
    try:
        await CatalogFiles(folder, tx, ManualClock(), imports).load()
        return [active.catalog.version for active in await usecases.list_catalogs(tx)]
    finally:
        await pool.close()


async def test_the_shipped_kube_dc_values_import_export_and_import_again_to_the_same_catalog(
    tmp_path: Path, database: Database
) -> None:
    own, again = tmp_path / "own.yaml", tmp_path / "again.yaml"
    # By this name the import of what was written takes the same options.
    written = tmp_path / "billing-plans.yaml"
    options = ("--options", str(OPTIONS))
    first = await converted(POOLS, "own", own, *options)
    assert (first.code, first.err) == (0, "")
    exported = await converted(own, "billing-plans", written, "--manifest", *options)
    assert exported.code == 0
    # Tiers and features have no key there: told, and said again by the options.
    assert "plans.pro-pool.tier" in exported.err
    assert "kind: ConfigMap" in written.read_text()
    second = await converted(written, "own", again, *options)
    assert (second.code, second.err) == (0, "")
    assert again.read_text() == own.read_text()
    shipped = await catalog_tool("diff", CATALOGS / "kube-dc.yaml", again)
    assert (shipped.code, shipped.out) == (0, "")
    folders = {}
    for name, file in (("a", POOLS), ("b", written)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "billing-plans.yaml").write_text(file.read_text())
        folders[name] = await versions_of(database, folder, settings())
    # One version: what was written back changed nothing of what is in force.
    assert folders["a"] == folders["b"]
    assert len(folders["a"]) == 1


async def test_a_configmap_with_one_broken_plan_keeps_the_rest_and_says_the_line(
    tmp_path: Path,
) -> None:
    text = POOLS.read_text()
    broken, into = tmp_path / "billing-plans.yaml", tmp_path / "own.yaml"
    broken.write_text(text.replace("price: 49", "price: much"))
    line = 1 + broken.read_text().splitlines().index("        price: much")
    judged = await catalog_tool("validate", broken)
    assert judged.code == 1
    assert f"{broken}:{line}: plans.pro-pool.price: expected an amount" in judged.err
    assert "catalog kube-dc with 2 plans, 2 add-ons; 1 problems, the rest stands" in judged.out
    imported = await converted(broken, "own", into)
    assert imported.code == 1
    assert "dev-pool:" in into.read_text()
    assert "pro-pool:" not in into.read_text()


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("plans:\n  a: {price: [}\n", 2, ""),
        ("kind: ConfigMap\ndata:\n  other: x\n", 2, "data.plans.yaml"),
        ("kind: ConfigMap\ndata:\n  plans.yaml: |\n    plans:\n      a: [\n", 6, ""),
    ],
)
async def test_a_file_of_which_nothing_can_be_taken_is_refused_at_its_line(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    judged = await catalog_tool("validate", file)
    assert judged.code == 1
    assert f"{file}:{line}: {key}" in judged.err
    assert judged.out == f"{file}: billing-plans: refused\n"
