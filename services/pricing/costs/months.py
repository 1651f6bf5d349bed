"""Calendar months, UTC: their words, and where a window crosses them. Seconds of the epoch."""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.pricing.costs.domain import moment_of, second_of


@dataclass(frozen=True, slots=True)
class Window:
    """From ``begin`` until ``end``, exclusive. ``month`` is the month that it lies in, or empty."""

    begin: int
    end: int
    month: str = ""


def month_of(second: int) -> Window:
    """Return the whole month that a second lies in."""
    moment = moment_of(second)
    begin = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    return Window(second_of(begin), second_of(_next(begin)), f"{begin:%Y-%m}")


def by_month(window: Window) -> list[Window]:
    """Return a window in pieces that each lie in one month; none of an empty one."""
    pieces: list[Window] = []
    begin = window.begin
    while begin < window.end:
        whole = month_of(begin)
        pieces.append(Window(begin, min(whole.end, window.end), whole.month))
        begin = whole.end
    return pieces


def _next(begin: datetime) -> datetime:
    if begin.month == 12:
        return begin.replace(year=begin.year + 1, month=1)
    return begin.replace(month=begin.month + 1)
