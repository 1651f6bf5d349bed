"""What a price asks for a quantity, in minor units: per unit, in packages or by tiers. Pure."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from deploy.sandbox.stripe.shapes import JsonObject


def whole(exact: Decimal) -> int:
    """An exact amount rounded to minor units, half away from zero."""
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def share(amount: int, part: int, of: int) -> int:
    """`part` of `of` of an amount, rounded half away from zero; `of` must be positive."""
    return whole(Decimal(amount) * part / of)


def amount_of(price: JsonObject, tiers: Sequence[JsonObject], quantity: int) -> int:
    """What `quantity` of a price costs; `tiers` only matter for a tiered price."""
    units = _packages(price["transform_quantity"], quantity)
    if price["billing_scheme"] != "tiered":
        return whole(_unit(price) * units)
    if price["tiers_mode"] == "volume":
        return whole(_tier(_reached(tiers, units), units))
    return whole(_graduated(tiers, units))


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """A total split by weights into parts that add up to it; all of it on the last if all are 0."""
    parts, left, weight = [], total, sum(weights)
    for at in weights:
        part = share(left, at, weight) if weight else 0
        parts.append(part)
        left -= part
        weight -= at
    if parts:
        parts[-1] += left
    return parts


def _unit(at: JsonObject, name: str = "unit_amount") -> Decimal:
    """The exact amount of a price or a tier."""
    return Decimal(at[f"{name}_decimal"] or at[name] or 0)


def _packages(transform: JsonObject | None, quantity: int) -> int:
    if transform is None:
        return quantity
    full, rest = divmod(quantity, transform["divide_by"])
    return int(full) + (1 if rest and transform["round"] == "up" else 0)


def _reached(tiers: Sequence[JsonObject], units: int) -> JsonObject:
    found = (tier for tier in tiers if tier["up_to"] is None or units <= tier["up_to"])
    return next(found)


def _tier(tier: JsonObject, units: int) -> Decimal:
    return _unit(tier) * units + _unit(tier, "flat_amount")


def _graduated(tiers: Sequence[JsonObject], units: int) -> Decimal:
    total, below = Decimal(0), 0
    for tier in tiers:
        if units <= below and below:
            break
        top = units if tier["up_to"] is None else min(units, tier["up_to"])
        total += _tier(tier, top - below)
        below = top
        if tier["up_to"] is not None and units <= tier["up_to"]:
            break
    return total
