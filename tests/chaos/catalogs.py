"""The catalogs of a run: those that ship, and `brief.yaml`; read plainly, as a judge needs them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from deploy.sandbox.stack.settings import ROOT

SHIPPED = ROOT / "deploy" / "catalogs"
OWN = Path(__file__).parent / "brief.yaml"


@dataclass(frozen=True, slots=True)
class Sold:
    """A plan or an add-on as its file has it: what it provisions, and what it grants."""

    name: str
    provisions: Mapping[str, Any]
    credits: int
    prices: Mapping[str, str]
    """Provider's price ids by interval."""
    cents: Mapping[str, int]


def gather(folder: Path) -> Path:
    """Copy every catalog of a run into one folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in (*sorted(SHIPPED.glob("*.yaml")), OWN):
        shutil.copy(file, folder / file.name)
    return folder


def read(folder: Path) -> dict[str, Sold]:
    """Return what is sold by its whole name; an add-on provisions what it adds."""
    sold: dict[str, Sold] = {}
    for file in sorted(folder.glob("*.yaml")):
        catalog = yaml.safe_load(file.read_text())
        for short, plan in (catalog["plans"] | catalog.get("addons", {})).items():
            name = f"{catalog['catalog']}/{short}"
            prices = plan.get("prices", [])
            sold[name] = Sold(
                name=name,
                provisions=plan.get("provisions") or plan.get("adds") or {},
                credits=plan.get("credits", 0),
                prices={each["interval"]: each["stripe_price"] for each in prices},
                cents={each["interval"]: int(Decimal(each["amount"]) * 100) for each in prices},
            )
    return sold
