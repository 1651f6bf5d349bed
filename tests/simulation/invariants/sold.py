"""What an organization was sold, in the words of the cluster: read from the catalogs by itself."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.chassis import quantities
from tests.simulation.shop_amounts import Bought
from tests.simulation.shop_prices import Sold

Limits = dict[str, Decimal]
"""By the cluster's own names."""
_WORDS = {
    "cpu": ("requests.cpu", "limits.cpu"),
    "memory": ("requests.memory", "limits.memory"),
    "storage": ("requests.storage",),
}


def limits_of(sold: Mapping[str, Sold], items: Bought, projects: int) -> Limits:
    """Return what an organization may use in all: plan, add-ons, and so much for each project."""
    plan, more = _parts(sold, items)
    total: Counter[str] = Counter()
    for amounts, count in ((plan["quota"], 1), *more):
        _add(total, amounts, count)
    _add(total, plan.get("overhead_per_project", {}), projects)
    return _spelled(total, Decimal(str(plan["burst_ratio"])))


def left_of(sold: Mapping[str, Sold], items: Bought) -> Limits:
    """Return what is left of it while it is not paid."""
    plan, _ = _parts(sold, items)
    total: Counter[str] = Counter()
    _add(total, plan["suspended_quota"], 1)
    return _spelled(total, Decimal(1))


def addons_of(sold: Mapping[str, Sold], items: Bought) -> list[dict[str, object]]:
    """Return the add-ons as an Organization's annotation lists them."""
    found = [(sold[price].name.rpartition("/")[2], count) for price, count in items]
    plans = {one.name.rpartition("/")[2] for one in sold.values() if one.kind}
    return [
        {"addonId": name, "quantity": count} for name, count in sorted(found) if name not in plans
    ]


def read(written: Mapping[str, object]) -> Limits:
    """Read a quota's limits."""
    return {name: quantities.parse(str(amount)) for name, amount in written.items()}


def _parts(
    sold: Mapping[str, Sold], items: Bought
) -> tuple[Mapping[str, Any], list[tuple[Mapping[str, Any], int]]]:
    found = [(sold[price], count) for price, count in items]
    plan = next(one for one, _ in found if one.kind)
    return plan.gives, [(one.gives, count) for one, count in found if not one.kind]


def _add(total: Counter[str], amounts: Mapping[str, Any], count: int) -> None:
    for name, amount in amounts.items():
        total[name] += quantities.parse(str(amount)) * count  # type: ignore[assignment]  # Decimals


def _spelled(total: Mapping[str, Any], burst: Decimal) -> Limits:
    found: Limits = {}
    for name, amount in total.items():
        for word in _WORDS.get(name, (name,)):
            found[word] = amount * (burst if word.startswith("limits.") else 1)
    return found
