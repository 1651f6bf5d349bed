"""Billing periods by the calendar: a month after 31 January is the last day of February."""

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
