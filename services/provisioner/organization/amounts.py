"""Amounts of resources as whole numbers of the smallest unit that the cluster counts them in."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from services.chassis import quantities
from services.provisioner.domain import Json

Amounts = Mapping[str, int]
"""By the cluster's own names: milli-cores, bytes, or pieces."""

_MILLI = Decimal("0.001")
_ONE = Decimal(1)
_BYTES = ("memory", "storage")


def unit(resource: str) -> Decimal:
    """Return the smallest amount of a resource that counts."""
    return _MILLI if resource.rpartition(".")[2] == "cpu" else _ONE


def at_most(resource: str, amount: Decimal) -> int:
    """Return the amount in units, rounded down: never more than was sold."""
    return int((amount / unit(resource)).to_integral_value(ROUND_FLOOR))


def at_least(resource: str, amount: Decimal) -> int:
    """Return the amount in units, rounded up: what is in use is never taken for less."""
    return int((amount / unit(resource)).to_integral_value(ROUND_CEILING))


def spell(resource: str, amount: int) -> str:
    """Write an amount as a quantity."""
    if not amount:
        return "0"
    binary = resource.endswith(_BYTES)
    return quantities.spell(amount * unit(resource), binary=binary, largest="Gi" if binary else "")


def spelled(amounts: Amounts) -> dict[str, str]:
    """Write amounts as quantities, by name."""
    return {name: spell(name, amount) for name, amount in sorted(amounts.items())}


def read(values: Mapping[str, Json]) -> dict[str, int]:
    """Read quantities that the cluster shows, rounded up; what is none is left out."""
    found = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        try:
            found[name] = at_least(name, quantities.parse(str(value)))
        except ValueError:
            continue
    return found
