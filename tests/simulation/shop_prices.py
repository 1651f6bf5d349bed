"""Prices of the simulated provider, read from the catalogs by themselves.

The product reads catalogs too, but with code of its own: what is paid here must not depend on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import yaml

from services.chassis.money import Money
from tests.simulation.shop_rows import Coupon

CATALOGS = (
    Path(__file__).parents[2] / "deploy" / "catalogs",
    Path(__file__).parent / "catalogs",
)
CODES = {
    "HALF": Coupon(50),
    "GIFT": Coupon(100),
    "FRIENDS": Coupon(20, lasts=True),
    "STAFF": Coupon(100, lasts=True),
}
"""Promotion codes that the shop gives out."""
_LASTS = {"month": timedelta(days=30), "year": timedelta(days=365)}


@dataclass(frozen=True, slots=True)
class Price:
    """What one of something costs, and for how long; ``lasts`` None for once."""

    id: str
    amount: Money
    lasts: timedelta | None


@dataclass(frozen=True, slots=True)
class Sold:
    """What a price stands for: a plan or an add-on by its full name, and the plan's own words.

    ``kind`` is what the plan provisions, empty for an add-on; ``credits`` are for each period.
    ``gives`` is the plan's ``provisions`` as they are written, or what the add-on adds.
    """

    name: str
    price: Price
    kind: str = ""
    credits: int = 0
    on_unpaid: str = ""
    on_end: str = ""
    retention: timedelta = timedelta(0)
    creates_account: bool = False
    trial_days: int = 0
    gives: Mapping[str, Any] = field(default_factory=dict)


@cache
def read_catalogs(folders: tuple[Path, ...] = CATALOGS) -> Mapping[str, Sold]:
    """Return everything that is sold, by the provider's price id; the files are read once."""
    sold: dict[str, Sold] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        catalog = cast("dict[str, Any]", yaml.safe_load(path.read_text()))
        for item in (*_plans(catalog), *_addons(catalog)):
            sold[item.price.id] = item
    return MappingProxyType(sold)


def _plans(catalog: Mapping[str, Any]) -> list[Sold]:
    days = int(str(catalog.get("retention", "0d")).removesuffix("d"))
    return [
        Sold(
            name=f"{catalog['catalog']}/{name}",
            price=price,
            kind=plan["provisions"]["kind"],
            credits=plan.get("credits", 0),
            on_unpaid=plan["on_unpaid"],
            on_end=plan["on_end"],
            retention=timedelta(days=days),
            creates_account=catalog.get("foreign_checkout") == "create_account",
            trial_days=plan.get("trial_days", 0),
            gives=plan["provisions"],
        )
        for name, plan in catalog["plans"].items()
        for price in _prices(plan)
    ]


def _addons(catalog: Mapping[str, Any]) -> list[Sold]:
    return [
        Sold(f"{catalog['catalog']}/{name}", price, gives=addon["adds"])
        for name, addon in catalog.get("addons", {}).items()
        for price in _prices(addon)
    ]


def _prices(item: Mapping[str, Any]) -> list[Price]:
    return [
        Price(
            told["stripe_price"],
            Money(told["currency"], int(Decimal(told["amount"]) * 100)),
            _LASTS.get(told["interval"]),
        )
        for told in item.get("prices", [])
    ]
