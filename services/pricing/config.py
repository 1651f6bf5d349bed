"""Pricing's settings."""

from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import ChassisConfig, Env, read_chassis
from services.pricing.costs.servicer import SUBJECT_CLAIM, USER_CLAIMS
from services.pricing.errors import CatalogRejected
from services.pricing.sources import (
    PRICE_VARIABLE,
    ImportOptions,
    ImportSettings,
    read_imports,
)
from services.pricing.worker import catalog_texts, rate_card_text


@dataclass(frozen=True, slots=True)
class PricingConfig:
    """``catalogs`` is a catalog file, or a folder of them; ``rate_card`` is a file.

    ``imports`` is what catalogs in other forms than ours are read with.

    ``calculations_per_minute`` and ``calculation_burst`` bound the prices that one person asks one
    replica for; 0 a minute bounds nothing. ``user_claim`` is the claim that names a person as the
    owner of what stands, ``budget_poll`` the seconds between two looks at the budgets.
    """

    chassis: ChassisConfig
    catalogs: Path
    rate_card: Path
    imports: ImportSettings
    calculations_per_minute: int
    calculation_burst: int
    user_claim: str
    budget_poll: float


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
    return PricingConfig(
        read_chassis(env, "pricing"),
        catalogs,
        rate_card,
        imports=read_import_settings(env),
        calculations_per_minute=env.number(
            "TOLLGATE_PRICING_CALCULATIONS_PER_MINUTE",
            default=600,
            at_most=1_000_000,
            doc="prices that one person may ask one replica for; 0 for any number",
        ),
        calculation_burst=env.number(
            "TOLLGATE_PRICING_CALCULATION_BURST",
            default=100,
            at_least=1,
            at_most=1_000_000,
            doc="how many of them at once",
        ),
        user_claim=env.choice(
            "TOLLGATE_KUBE_USER_CLAIM",
            USER_CLAIMS,
            default=SUBJECT_CLAIM,
            doc="claim that names a person as the owner of what stands in the cluster",
        ),
        budget_poll=env.seconds(
            "TOLLGATE_BUDGET_POLL_SECONDS", default=60.0, doc="how often budgets are looked at"
        ),
    )


def read_import_settings(env: Env) -> ImportSettings:
    """Read what catalogs in other forms than ours are read with.

    The names of price ids and of the hold's address are those that their own services use.
    """
    common = ImportOptions(
        price_ids=env.prefixed(PRICE_VARIABLE, doc="price ids of billing-plans, such as _DEV_POOL"),
        hold_url=env.text("HOLD_PUBLIC_URL", default="", doc="{hold_url} of a quotas.yaml"),
    )
    path = env.path(
        "TOLLGATE_CATALOG_IMPORTS",
        default=Path(),
        doc="what billing-plans and quotas are read with: tiers, amounts (docs/catalogs.md)",
    )
    if path == Path():
        return ImportSettings(others=common)
    try:
        return read_imports(path.read_text(encoding="utf-8"), str(path), common)
    except (OSError, UnicodeDecodeError) as error:
        env.problem("TOLLGATE_CATALOG_IMPORTS", f"{path}: cannot be read: {error}")
    except CatalogRejected as rejected:
        env.problem("TOLLGATE_CATALOG_IMPORTS", str(rejected))
    return ImportSettings(others=common)
