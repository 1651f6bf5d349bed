"""Reports: exact sums by the values of dimensions, rounded once and shared out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from services.chassis.money import Money, exponent
from services.pricing.costs.domain import CostFilter, Dimension, cost_of
from services.pricing.costs.months import Window

MOST_LINES = 10_000
MOST_DIMENSIONS = 4


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is asked for; times in seconds of the epoch, None for the default of each."""

    filter: CostFilter
    dimensions: tuple[Dimension, ...]
    begin: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """What records with the same values cost within a window.

    ``rate_seconds`` is the sum of monthly rates times seconds; ``begun`` is how many of the
    ``records`` begin within the window, so that one that several windows cross counts once.
    """

    values: tuple[str, ...]
    currency: str
    hours_per_month: int
    rate_seconds: Decimal
    records: int
    begun: int

    @property
    def cost(self) -> Fraction:
        """What it is in the currency's major unit."""
        return cost_of(self.rate_seconds, self.hours_per_month)


@dataclass(frozen=True, slots=True)
class CostLine:
    """What was spent by one value of each dimension, in one currency, and by how many records."""

    values: tuple[str, ...]
    cost: Money
    records: int


@dataclass(frozen=True, slots=True)
class Report:
    """Lines in the order of their values; totals by currency. The former add up to the latter."""

    lines: Sequence[CostLine]
    totals: Sequence[CostLine]
    window: Window


@dataclass(slots=True)
class _Cell:
    cost: Fraction
    records: int


def report_of(
    dimensions: Sequence[Dimension], pieces: Iterable[tuple[Window, Sequence[Sum]]], window: Window
) -> Report:
    """Put the sums of a window's pieces, in the order of time, together.

    A sum's values are those of the dimensions that are columns, in their order; the month is the
    piece's.
    """
    cells: dict[str, dict[tuple[str, ...], _Cell]] = {}
    seen: dict[str, int] = {}
    for piece, sums in pieces:
        for one in sums:
            values = _with_month(dimensions, one.values, piece.month)
            by_values = cells.setdefault(one.currency, {})
            cell = by_values.get(values)
            if cell is None:
                by_values[values] = _Cell(one.cost, one.records)
            else:
                cell.cost += one.cost
                cell.records += one.records
            first = piece.begin == window.begin
            seen[one.currency] = seen.get(one.currency, 0) + (one.records if first else one.begun)
    return Report(_lines(cells), _totals(cells, seen), window)


def _with_month(
    dimensions: Sequence[Dimension], values: Sequence[str], month: str
) -> tuple[str, ...]:
    left = iter(values)
    return tuple(month if one is Dimension.MONTH else next(left) for one in dimensions)


def _lines(cells: Mapping[str, Mapping[tuple[str, ...], _Cell]]) -> list[CostLine]:
    lines: list[CostLine] = []
    for currency, by_values in cells.items():
        ordered = sorted(by_values.items(), key=lambda item: item[0])
        minors = shared([cell.cost for _, cell in ordered], currency)
        lines += [
            CostLine(values, Money(currency, minor), cell.records)
            for (values, cell), minor in zip(ordered, minors, strict=True)
        ]
    return sorted(lines, key=lambda line: (line.values, line.cost.currency))


def _totals(
    cells: Mapping[str, Mapping[tuple[str, ...], _Cell]], seen: Mapping[str, int]
) -> list[CostLine]:
    return [
        CostLine(
            (),
            rounded(sum((cell.cost for cell in cells[currency].values()), Fraction(0)), currency),
            seen[currency],
        )
        for currency in sorted(cells)
    ]


def rounded(cost: Fraction, currency: str) -> Money:
    """Round an exact amount to whole minor units, half to even."""
    return Money(currency, round(cost * 10 ** exponent(currency)))


def shared(costs: Sequence[Fraction], currency: str) -> list[int]:
    """Round the sum half to even, and share it out in minor units by largest remainder.

    Of equal remainders the first ones get more.
    """
    minor = 10 ** exponent(currency)
    unit = lcm(*(cost.denominator for cost in costs))
    parts = [divmod(cost.numerator * (unit // cost.denominator) * minor, unit) for cost in costs]
    found = [whole for whole, _ in parts]
    exact = sum(found) + Fraction(sum(rest for _, rest in parts), unit)
    left = round(exact) - sum(found)
    largest = sorted(range(len(parts)), key=lambda place: parts[place][1], reverse=True)
    for place in largest[:left]:
        found[place] += 1
    return found
