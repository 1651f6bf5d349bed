"""Pricing's settings."""

from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import ChassisConfig, Env, read_chassis
from services.pricing.costs.recommending import Rules
from services.pricing.costs.servicer import SUBJECT_CLAIM, USER_CLAIMS
from services.pricing.errors import CatalogRejected
from services.pricing.signatures import BadKeys
from services.pricing.sources import (
    PRICE_VARIABLE,
    ImportOptions,
    ImportSettings,
    read_imports,
)
from services.pricing.worker import catalog_texts, key_ring, rate_card_text
from services.pricing.worker.telling import TellingSettings, read_telling

NO_FILES = "none"
"""What TOLLGATE_CATALOG says where no file is a catalog."""


@dataclass(frozen=True, slots=True)
class PricingConfig:
    """``catalogs`` is a catalog file, or a folder of them; ``rate_card`` is a file.

    Without ``catalogs`` what is sold is what ConfigMaps say that the provisioner tells of.

    ``imports`` is what catalogs in other forms than ours are read with.

    ``calculations_per_minute`` and ``calculation_burst`` bound the prices that one person asks one
    replica for; 0 a minute bounds nothing. ``user_claim`` is the claim that names a person as the
    owner of what stands, ``budget_poll`` the seconds between two looks at the budgets.
    ``quote_keys`` is the file of the keys that quotes are signed with; None signs none.
    ``subscription`` is where dry runs ask what is sold, and who is told of passed budgets; empty
    for nobody. ``telling`` is how alerts of budgets reach people. ``rules`` say when a smaller plan
    is recommended.
    """

    chassis: ChassisConfig
    catalogs: Path | None
    rate_card: Path
    imports: ImportSettings
    calculations_per_minute: int
    calculation_burst: int
    user_claim: str
    budget_poll: float
    quote_keys: Path | None
    subscription: str
    telling: TellingSettings
    rules: Rules


def read_config(env: Env) -> PricingConfig:
    """Read the settings."""
    catalogs = _catalogs(env)
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
        quote_keys=_quote_keys(env),
        subscription=env.address(
            "TOLLGATE_SUBSCRIPTION_TARGET",
            default="",
            doc="internal listener of subscription, asked by dry runs, told of passed budgets",
        ),
        telling=read_telling(env),
        rules=_read_rules(env),
    )


def _catalogs(env: Env) -> Path | None:
    named = env.text(
        "TOLLGATE_CATALOG",
        default="deploy/catalogs",
        doc="a catalog file, or a folder of *.yaml; none where a ConfigMap is the only source",
    )
    if named == NO_FILES:
        return None
    try:
        catalog_texts(Path(named))
    except CatalogRejected as rejected:
        for problem in rejected.problems:
            env.problem("TOLLGATE_CATALOG", problem)
    return Path(named)


def _read_rules(env: Env) -> Rules:
    rules = Rules(
        days=env.number(
            "TOLLGATE_RECOMMEND_DAYS",
            default=7,
            at_least=1,
            at_most=90,
            doc="days of use that recommendations look at, and that are kept",
        ),
        least_hours=env.number(
            "TOLLGATE_RECOMMEND_LEAST_HOURS",
            default=72,
            at_least=1,
            at_most=90 * 24,
            doc="hours of them that have to be measured before anything is said",
        ),
        under_percent=env.number(
            "TOLLGATE_RECOMMEND_UNDER_PERCENT",
            default=40,
            at_least=1,
            at_most=100,
            doc="share of what is paid for, below which use is far too small",
        ),
        headroom_percent=env.number(
            "TOLLGATE_RECOMMEND_HEADROOM_PERCENT",
            default=150,
            at_least=100,
            at_most=1000,
            doc="share of the use that a smaller plan has to hold",
        ),
    )
    if rules.least_hours > rules.days * 24:
        env.problem("TOLLGATE_RECOMMEND_LEAST_HOURS", "expected no more than the days have hours")
    return rules


def _quote_keys(env: Env) -> Path | None:
    path = env.path(
        "TOLLGATE_QUOTE_KEYS",
        default=Path(),
        doc="JSON Web Key Set (Ed25519) that quotes are signed with (docs/pricing.md)",
    )
    if path == Path():
        return None
    try:
        key_ring(path)
    except BadKeys as bad:
        env.problem("TOLLGATE_QUOTE_KEYS", f"{path}: {bad}")
    return path


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
