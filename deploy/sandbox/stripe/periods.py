"""Billing periods by the calendar: a month after 31 January is the last day of February.

Ends are counted from the anchor, not from the period before, so that a subscription anchored on
the 31st comes back to the 31st after a short month.
"""

import calendar
from datetime import UTC, datetime, timedelta

DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}


def period_end(start: int, interval: str, count: int) -> int:
    """The end, in seconds, of `count` intervals (day, week, month, year) from `start`."""
    begun = datetime.fromtimestamp(start, tz=UTC)
    if interval in DAYS:
        return int((begun + timedelta(days=DAYS[interval] * count)).timestamp())
    months = begun.year * 12 + begun.month - 1 + MONTHS[interval] * count
    year, month = divmod(months, 12)
    day = min(begun.day, calendar.monthrange(year, month + 1)[1])
    return int(begun.replace(year=year, month=month + 1, day=day).timestamp())


def period_at(anchor: int, interval: str, count: int, moment: int) -> tuple[int, int]:
    """The period of `count` intervals, counted from `anchor` both ways, that `moment` lies in."""
    steps = _steps(anchor, interval, count, moment)
    while period_end(anchor, interval, count * steps) > moment:
        steps -= 1
    while period_end(anchor, interval, count * (steps + 1)) <= moment:
        steps += 1
    return (
        period_end(anchor, interval, count * steps),
        period_end(anchor, interval, count * (steps + 1)),
    )


def next_end(anchor: int, interval: str, count: int, moment: int) -> int:
    """The first end of a period after `moment`."""
    return period_at(anchor, interval, count, moment)[1]


def _steps(anchor: int, interval: str, count: int, moment: int) -> int:
    """Roughly how many periods lie between the anchor and a moment."""
    days = DAYS.get(interval) or 30 * MONTHS[interval]
    return (moment - anchor) // (days * count * 86400)
