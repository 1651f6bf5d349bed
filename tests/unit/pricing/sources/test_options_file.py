"""What imports take besides their files: from a file with lines, and from the environment."""

from pathlib import Path

import pytest

from services.chassis.config import ConfigError, Env
from services.pricing.config import read_import_settings
from services.pricing.domain import EndPolicy
from services.pricing.errors import CatalogRejected
from services.pricing.sources import ImportOptions, read_imports

COMMON = ImportOptions(price_ids={"STRIPE_PRICE_A": "price_a"}, hold_url="https://hold.example")
SECTION = """\
plans.yaml:
  catalog: pools
  tiers: {small: basic}
  retention: 2d
  on_end: delete
  amounts: {small/month: 5, small/year: 50.50}
  suspended_quota: {cpu: 100m, memory: 1}
"""


def test_a_section_holds_for_the_file_of_its_name_and_the_environment_for_all() -> None:
    found = read_imports(SECTION, "imports.yaml", COMMON)
    options = found.options("plans.yaml")
    assert (options.catalog, options.tiers) == ("pools", {"small": "basic"})
    assert (options.retention_seconds, options.on_end) == (172_800, EndPolicy.DELETE)
    assert options.amounts == {"small/month": "5", "small/year": "50.50"}
    assert options.suspended_quota == {"cpu": "100m", "memory": "1Gi"}
    assert (options.price_ids, options.hold_url) == (COMMON.price_ids, COMMON.hold_url)
    assert found.options("other.yaml") == COMMON


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("basic", "first", "imports.yaml:3: plans.yaml.tiers.small: Input should be 'basic'"),
        ("tiers:", "teirs:", "imports.yaml:3: plans.yaml.teirs: is no key that is known here"),
        ("2d", "2 days", "imports.yaml:4: plans.yaml.retention: expected a time such as 7d"),
        ("pools", "Pools", "imports.yaml:2: plans.yaml.catalog: expected lower-case letters"),
        ("plans.yaml:", "plans.yaml: [", "is no YAML"),
    ],
)
def test_a_problem_of_the_file_names_line_and_key(old: str, new: str, problem: str) -> None:
    with pytest.raises(CatalogRejected) as rejected:
        read_imports(SECTION.replace(old, new, 1), "imports.yaml", COMMON)
    assert problem in str(rejected.value)


def test_document_001s_variables_and_document_004s_are_read_as_they_are() -> None:
    env = Env(
        {"STRIPE_PRICE_DEV_POOL": " price_1 ", "STRIPE_PRICE_PRO_POOL": "", "STRIPE_PRICE_": "x"}
        | {"HOLD_PUBLIC_URL": "https://hold.example", "STRIPE_SECRET_KEY": "sk"}
    )
    options = read_import_settings(env).options("any.yaml")
    env.finish()
    assert options.price_ids == {"STRIPE_PRICE_DEV_POOL": "price_1"}
    assert options.hold_url == "https://hold.example"
    assert "STRIPE_PRICE_*" in env.describe()


def test_a_bad_options_file_is_a_problem_of_its_variable(tmp_path: Path) -> None:
    path = tmp_path / "imports.yaml"
    path.write_text(SECTION.replace("basic", "first"))
    env = Env({"TOLLGATE_CATALOG_IMPORTS": str(path)})
    read_import_settings(env)
    with pytest.raises(ConfigError, match=r"imports\.yaml:3: plans\.yaml\.tiers\.small"):
        env.finish()
