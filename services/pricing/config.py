"""Pricing's settings."""

from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import ChassisConfig, Env, read_chassis
from services.pricing.errors import CatalogRejected
from services.pricing.worker import catalog_texts, rate_card_text


@dataclass(frozen=True, slots=True)
class PricingConfig:
    """``catalogs`` is a catalog file, or a folder of them; ``rate_card`` is a file."""

    chassis: ChassisConfig
    catalogs: Path
    rate_card: Path


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
    rate_card = Path(
        env.text("TOLLGATE_RATE_CARD", default="deploy/rates/default.yaml", doc="a rate card file")
    )
    try:
        rate_card_text(rate_card)
    except CatalogRejected as rejected:
        for problem in rejected.problems:
            env.problem("TOLLGATE_RATE_CARD", problem)
    return PricingConfig(read_chassis(env, "pricing"), catalogs, rate_card)
