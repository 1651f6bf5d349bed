"""Pricing's settings."""

from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import ChassisConfig, Env, read_chassis
from services.pricing.errors import CatalogRejected
from services.pricing.worker import catalog_texts


@dataclass(frozen=True, slots=True)
class PricingConfig:
    """``catalogs`` is a catalog file, or a folder of them."""

    chassis: ChassisConfig
    catalogs: Path


def read_config(env: Env) -> PricingConfig:
    """Read the settings."""
    catalogs = Path(
        env.text(
            "TOLLGATE_CATALOG",
            default="deploy/catalogs",
            doc="a catalog file, or a folder of *.yaml",
        )
    )
    try:
        catalog_texts(catalogs)
    except CatalogRejected as rejected:
        for problem in rejected.problems:
            env.problem("TOLLGATE_CATALOG", problem)
    return PricingConfig(chassis=read_chassis(env, "pricing"), catalogs=catalogs)
