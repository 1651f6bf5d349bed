"""Amounts, quantities and times as the dialects write them: exact, never through a float."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from services.chassis import quantities
from services.chassis.money import Money

GIB = Decimal(1 << 30)
IN_GIB = frozenset({"memory", "storage"})


def number(amount: Decimal) -> object:
    """Write a decimal as a JSON number, exactly and without an exponent; a float could not."""
    whole = amount.to_integral_value()
    return int(whole) if whole == amount else orjson.Fragment(f"{amount.normalize():f}")


def amount(money: Money) -> object:
    """Write money as a JSON number in major units, with all places of its currency: 58.00."""
    return orjson.Fragment(f"{money.to_decimal():f}")


def size(resource: str, quantity: str) -> object:
    """Write a quantity as a number of cores, of GiB or of pieces; ValueError if it is none."""
    parsed = quantities.parse(quantity)
    return number(parsed / GIB if resource in IN_GIB else parsed)


def sizes(quota: Mapping[str, str], *resources: str) -> dict[str, object]:
    """Write those of the named resources that a quota bounds."""
    return {name: size(name, quota[name]) for name in resources if name in quota}


def instant(time: datetime | None) -> str | None:
    """Write a time as document 001 does: RFC 3339 with milliseconds and Z."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
