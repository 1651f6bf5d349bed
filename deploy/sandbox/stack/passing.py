"""Variables of a person's own that services of the stack are given as they are."""

from collections.abc import Mapping
from pathlib import Path

PASSED: Mapping[str, tuple[str, ...]] = {
    "pricing": (
        "TOLLGATE_CATALOG_IMPORTS",
        "HOLD_PUBLIC_URL",
        "TOLLGATE_KUBE_USER_CLAIM",
        "TOLLGATE_RECOMMEND_LEAST_HOURS",
    ),
    "subscription": ("TOLLGATE_KUBE_USER_CLAIM",),
    "provisioner": ("TOLLGATE_REGION", "TOLLGATE_USE_EVERY_SECONDS"),
}
PRICES = "STRIPE_PRICE_"
_FILES = ("TOLLGATE_CATALOG_IMPORTS",)
_POOLS = ("DEV_POOL", "PRO_POOL", "SCALE_POOL", "TURBO_X1", "TURBO_X2")


def passed(env: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return by service what it is given; what a person did not set is left out."""
    found = {
        service: {name: _value(name, env[name]) for name in names if env.get(name)}
        for service, names in PASSED.items()
    }
    found["pricing"] |= {name: env[name] for name in sorted(env) if name.startswith(PRICES)}
    return found


def of_the_shipped_catalogs(examples: Path) -> dict[str, str]:
    """Return what pricing reads the example of Kube-DC's ConfigMap with.

    It is sold at the prices of ``deploy/catalogs/kube-dc.yaml``, which the sandbox Stripe has.
    """
    prices = {f"{PRICES}{pool}": f"price_kube_dc_{pool.lower()}" for pool in _POOLS}
    return {"TOLLGATE_CATALOG_IMPORTS": str(examples / "imports.yaml"), **prices}


def _value(name: str, text: str) -> str:
    # Absolute: the processes run in another folder.
    return str(Path(text).absolute()) if name in _FILES else text
