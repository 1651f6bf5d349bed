"""Pricing without a catalog file: from ConfigMaps only, and not at all where there are none."""

from pathlib import Path

import pytest

from services.chassis.env import ConfigError, Env
from services.pricing.config import read_config
from tests.integration.postgres_fixture import Database
from tests.unit.chassis.rpc.starting import program
from tests.unit.chassis.rpc.support import Authority

RATES = Path("deploy/rates/default.yaml").absolute()
REFUSAL = "TOLLGATE_CATALOG is none, and nothing else says what is sold"


@pytest.fixture
async def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    dsns, tls = await database.service("pricing"), Authority(tmp_path).issue("pricing")
    return {
        "DATABASE_URL": dsns.service,
        "TOLLGATE_MIGRATE_URL": dsns.owner,
        "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_METRICS_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_TLS_CERT": str(tls.cert),
        "TOLLGATE_TLS_KEY": str(tls.key),
        "TOLLGATE_TLS_CA": str(tls.ca),
        "TOLLGATE_OIDC_BASE": "http://127.0.0.1:1",
        "TOLLGATE_RATE_CARD": str(RATES),
        "TOLLGATE_CATALOG": "none",
    }


async def test_no_file_and_no_configmap_is_refused_in_a_sentence(settings: dict[str, str]) -> None:
    async with program("services.pricing", **settings) as started:
        code, said = await started.end()
    assert code != 0
    assert REFUSAL in said
    assert "TOLLGATE_CATALOG_IMPORTS" in said
    assert "Traceback" not in said


async def test_a_configmap_that_is_expected_is_enough(
    settings: dict[str, str], tmp_path: Path
) -> None:
    imports = tmp_path / "imports.yaml"
    imports.write_text("kube-dc/billing-plans: {}\n")
    settings["TOLLGATE_CATALOG_IMPORTS"] = str(imports)
    async with program("services.pricing", **settings) as started:
        await started.line("listening")


def test_a_file_that_is_not_there_is_still_a_mistake(settings: dict[str, str]) -> None:
    env = Env(settings | {"TOLLGATE_CATALOG": "/does/not/exist.yaml"})
    read_config(env)
    with pytest.raises(ConfigError, match=r"TOLLGATE_CATALOG.*cannot be read"):
        env.finish()
