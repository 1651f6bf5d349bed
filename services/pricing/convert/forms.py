"""Writes the many amounts of a cost: into a form with all its names, which is copied or sent.

A cost of five resources is some ninety messages. Making them one by one costs five times what it
costs to write their numbers into a form that has all of them, and to copy that at once; an answer
that is nothing but that is written from the form itself.
"""

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat

from services.pricing.costing import Columns, Cost, Tax
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

_MOST_FORMS = 64  # of a few kilobytes; deployments have few shapes
_LARGEST_FORM = 200
"""The most rows of a form that is kept; what has more is rare, and gets one of its own."""
_MOST_TEXTS = 500
"""How often other texts are written into a form: each stays in its memory while it is kept."""
TAXES = {
    None: pricing_pb2.TAX_TREATMENT_UNSPECIFIED,
    Tax.ADDED_BY_PROVIDER: pricing_pb2.TAX_TREATMENT_ADDED_BY_PROVIDER,
}


_Amounts = tuple[money_pb2.Money, money_pb2.Money]
"""What something costs for the duration, and for a month."""
_Priced = pricing_pb2.ResourceCost | pricing_pb2.CostPart


_Shape = tuple[str, int, tuple[str, ...], tuple[str, ...]]
"""The currency of all amounts, how many resources, and the names of parts and of features."""
_Texts = tuple[tuple[str, ...], str, str, str, Tax | None]
"""What a cost says besides that and amounts: types, region, version, cloud and tax."""


class _Form:
    """A cost whose amounts are filled in anew each time; not for two threads at once."""

    def __init__(self, shape: _Shape) -> None:
        self._answer = pb.CalculatePriceResponse()
        self._cost = self._answer.cost
        rows = list(_laid_out(self._cost, shape))
        # In the order of the columns, one after the other; then the totals.
        self._amounts = [whole for whole, _ in rows] + [monthly for _, monthly in rows]
        self._amounts += (self._cost.total, self._cost.monthly)
        self._texts: _Texts | None = None
        self.worn = 0

    def copy_into(self, message: pricing_pb2.Cost, cost: Cost) -> None:
        """Fill in the amounts and copy it into a message, whose texts are still to be written."""
        self._fill(cost)
        message.CopyFrom(self._cost)

    def written(self, cost: Cost) -> bytes:
        """Return the answer that says this cost, of which nothing came off."""
        self._fill(cost)
        texts = (cost.columns.types, cost.region, cost.rate_card_version, cost.cloud, cost.tax)
        if texts != self._texts:
            write_texts(self._cost, cost)
            self._texts = texts
            self.worn += 1
        return self._answer.SerializeToString()

    def _fill(self, cost: Cost) -> None:
        columns = cost.columns
        numbers = (
            *columns.amounts,
            *columns.monthly,
            cost.minor_units,
            cost.monthly_minor_units,
        )
        # Set without a step of Python for each; `deque` takes what is made of them to nowhere.
        deque(map(setattr, self._amounts, repeat("minor_units"), numbers), maxlen=0)


def written(cost: Cost) -> bytes:
    """Return the answer, as it is sent, that says a cost of which nothing came off."""
    form = _form(cost)
    if form.worn >= _MOST_TEXTS:
        _kept.cache_clear()
        form = _form(cost)
    return form.written(cost)


def write_texts(message: pricing_pb2.Cost, cost: Cost) -> None:
    """Write what a cost says besides names of parts and amounts."""
    message.region = cost.region
    message.rate_card_version = cost.rate_card_version
    message.cloud = cost.cloud
    message.tax = TAXES[cost.tax]
    for resource, name in zip(message.resources, cost.columns.types, strict=True):
        resource.type = name


def write_amounts(message: pricing_pb2.Cost, cost: Cost) -> None:
    """Write totals, resources and components of a cost in place of what the message says.

    Its texts are to be written after that.
    """
    _form(cost).copy_into(message, cost)


def _form(cost: Cost) -> _Form:
    columns = cost.columns
    shape = (cost.currency, len(columns.types), columns.parts, columns.features)
    return _kept(shape) if len(columns.amounts) <= _LARGEST_FORM else _Form(shape)


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
    currency, count, parts, named = shape
    _in_currency(cost, currency)
    resources = [cost.resources.add(index=place) for place in range(count)]
    for resource in resources:
        for name in parts:
            yield _in_currency(resource.parts.add(component=name), currency)
    sums = [cost.components.add(component=name) for name in parts]
    features = [cost.components.add(component=name) for name in named]
    rows: list[_Priced] = [*features, *resources, *sums]
    for one in rows:
        yield _in_currency(one, currency)


def _in_currency(message: pricing_pb2.Cost | _Priced, currency: str) -> _Amounts:
    whole = message.total if isinstance(message, pricing_pb2.Cost) else message.amount
    whole.currency = message.monthly.currency = currency
    return whole, message.monthly
