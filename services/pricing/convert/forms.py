"""Writes the many amounts of a cost: into a form with all its names, which is copied.

A cost of five resources is some ninety messages. Making them one by one costs five times what it
costs to write their numbers into a form that has all of them, and to copy that at once.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from services.pricing.costing import Columns, Cost
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2

_MOST_FORMS = 64  # of a few kilobytes; deployments have few shapes
_LARGEST_FORM = 200
"""The most rows of a form that is kept; what has more is rare, and gets one of its own."""


_Amounts = tuple[money_pb2.Money, money_pb2.Money]
"""What something costs for the duration, and for a month."""
_Priced = pricing_pb2.ResourceCost | pricing_pb2.CostPart


class _Shape(NamedTuple):
    """How many resources, the names of what costs something, and the currency of all amounts."""

    currency: str
    resources: int
    parts: tuple[str, ...]
    features: tuple[str, ...]


class _Form:
    """A cost whose amounts are filled in anew each time; not for two threads at once.

    Only numbers are written into it: a text would stay in its memory for as long as it is kept.
    """

    def __init__(self, shape: _Shape) -> None:
        self._cost = pricing_pb2.Cost()
        rows = list(_laid_out(self._cost, shape))
        # In the order of the columns, one after the other.
        self._amounts = [whole for whole, _ in rows] + [monthly for _, monthly in rows]

    def write(self, message: pricing_pb2.Cost, cost: Cost) -> None:
        """Fill it in and copy it into a message."""
        columns = cost.columns
        numbers = columns.amounts + columns.monthly
        for amount, number in zip(self._amounts, numbers, strict=True):
            amount.minor_units = number
        self._cost.total.minor_units = cost.total.minor_units
        self._cost.monthly.minor_units = cost.monthly.minor_units
        message.CopyFrom(self._cost)


def write_amounts(message: pricing_pb2.Cost, cost: Cost) -> None:
    """Write totals, resources and components of a cost in place of what the message says.

    What a resource's type is stays open.
    """
    columns = cost.columns
    shape = _Shape(cost.total.currency, len(columns.types), columns.parts, columns.features)
    form = _kept(shape) if len(columns.amounts) <= _LARGEST_FORM else _Form(shape)
    form.write(message, cost)


def kept_columns(message: pricing_pb2.Cost) -> Columns:
    """Read back what ``write_amounts`` wrote, with the types of the resources."""
    first = message.resources[0].parts if message.resources else ()
    sums, features = message.components[: len(first)], message.components[len(first) :]
    rows: list[pricing_pb2.ResourceCost | pricing_pb2.CostPart] = []
    for resource in message.resources:
        rows += resource.parts
    rows += (*features, *message.resources, *sums)
    return Columns(
        tuple(one.type for one in message.resources),
        tuple(part.component for part in first),
        tuple(part.component for part in features),
        tuple(row.amount.minor_units for row in rows),
        tuple(row.monthly.minor_units for row in rows),
    )


@lru_cache(maxsize=_MOST_FORMS)
def _kept(shape: _Shape) -> _Form:
    return _Form(shape)


def _laid_out(cost: pricing_pb2.Cost, shape: _Shape) -> Iterator[_Amounts]:
    """Add everything but the numbers; return the pairs of amounts in the order of the columns."""
    currency = shape.currency
    _in_currency(cost, currency)
    resources = [cost.resources.add(index=place) for place in range(shape.resources)]
    for resource in resources:
        for name in shape.parts:
            yield _in_currency(resource.parts.add(component=name), currency)
    sums = [cost.components.add(component=name) for name in shape.parts]
    features = [cost.components.add(component=name) for name in shape.features]
    rows: list[_Priced] = [*features, *resources, *sums]
    for one in rows:
        yield _in_currency(one, currency)


def _in_currency(message: pricing_pb2.Cost | _Priced, currency: str) -> _Amounts:
    whole = message.total if isinstance(message, pricing_pb2.Cost) else message.amount
    whole.currency = message.monthly.currency = currency
    return whole, message.monthly
