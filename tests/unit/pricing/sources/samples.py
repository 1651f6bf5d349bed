"""The sample files and what they are imported with."""

from pathlib import Path

from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Catalog
from services.pricing.sources import ImportOptions, ImportSettings, read_imports

CATALOGS = Path(__file__).parents[4] / "deploy" / "catalogs"
EXAMPLES = CATALOGS / "examples"
MANIFEST = (EXAMPLES / "billing-plans.yaml").read_text()
QUOTAS = (EXAMPLES / "quotas.yaml").read_text()

ENVIRONMENT = {
    f"STRIPE_PRICE_{name}": f"price_kube_dc_{name.lower()}"
    for name in ("DEV_POOL", "PRO_POOL", "SCALE_POOL", "TURBO_X1", "TURBO_X2")
}


def settings(environment: dict[str, str] | None = None, hold_url: str = "") -> ImportSettings:
    """Return what the samples are imported with."""
    price_ids = ENVIRONMENT if environment is None else environment
    common = ImportOptions(price_ids=price_ids, hold_url=hold_url)
    return read_imports((EXAMPLES / "imports.yaml").read_text(), "imports.yaml", common)


POOLS = settings().options("billing-plans.yaml")
TIERS = settings().options("quotas.yaml")


def shipped(name: str) -> Catalog:
    """Return a catalog of ours that ships."""
    path = CATALOGS / f"{name}.yaml"
    return parse_catalog(path.read_text(), str(path))
