"""Answers what capacity has cost and what it will have cost."""

from collections.abc import Sequence

from services.chassis.errors import Violations
from services.chassis.paging import Page, from_token, page_size, to_token
from services.pricing.costs.budgets import check_filter
from services.pricing.costs.domain import DAY, CostFilter, CostRecord, Dimension, second_of
from services.pricing.costs.errors import ReportTooLarge
from services.pricing.costs.forecast import (
    HISTORY_DAYS,
    MonthForecast,
    daily_costs,
    forecast,
    outlooks,
)
from services.pricing.costs.months import Window, by_month, month_of
from services.pricing.costs.ports import CostTransactions, RecordQuery, Store
from services.pricing.costs.report import (
    MOST_DIMENSIONS,
    MOST_LINES,
    Report,
    ReportRequest,
    Sum,
    report_of,
)
from services.pricing.costs.sight import Asker, narrowed

_LONGEST = 3653 * DAY
_PATIENCE = 30.0
"""Seconds: a report may read all records."""


async def list_records(
    tx: CostTransactions, asker: Asker, query: RecordQuery, token: str
) -> tuple[Page[CostRecord], int]:
    """Return a page of records, newest first, and the second up to which their costs count.

    ``query.limit`` is the page size that was asked for. InvalidArgument, NotYourCosts.
    """
    bad = Violations()
    check_filter(query.filter, "filter", bad)
    if query.begin is not None and query.end is not None and query.begin >= query.end:
        bad.add("to_time", "expected a time after from_time")
    bad.raise_if_any()
    size, key = page_size(query.limit), from_token(token, int, str)
    after = (int(key[0]), str(key[1])) if key else None
    wanted = RecordQuery(narrowed(asker, query.filter), query.begin, query.end, after, size + 1)

    async def read(store: Store) -> tuple[Page[CostRecord], int]:
        found = await store.records(wanted)
        page, more = found[:size], len(found) > size
        following = to_token(page[-1].begin, page[-1].name) if more else ""
        return Page(page, following), second_of(await store.now())

    return await tx.run(read)


async def get_report(tx: CostTransactions, asker: Asker, asked: ReportRequest) -> Report:
    """Return what was spent by the dimensions asked for.

    InvalidArgument, NotYourCosts, ReportTooLarge.
    """
    _check_report(asked)
    filter_ = narrowed(asker, asked.filter)
    columns = [one for one in asked.dimensions if one is not Dimension.MONTH]

    async def read(store: Store) -> Report:
        window = _window(asked, second_of(await store.now()))
        pieces = by_month(window) if Dimension.MONTH in asked.dimensions else _whole(window)
        sums: list[tuple[Window, Sequence[Sum]]] = []
        left = MOST_LINES
        for piece in pieces:
            found = await store.sums(filter_, piece, columns, left + 1)
            left -= len(found)
            if left < 0:
                raise ReportTooLarge(
                    f"The report has more than {MOST_LINES} lines: narrow the filter, shorten the "
                    "time or take fewer dimensions."
                )
            sums.append((piece, found))
        return report_of(asked.dimensions, sums, window)

    return await tx.run(read, timeout=_PATIENCE)


async def forecast_costs(tx: CostTransactions, asker: Asker, asked: CostFilter) -> MonthForecast:
    """Return what will have been spent by the end of the current month. As ``get_report``."""
    bad = Violations()
    check_filter(asked, "filter", bad)
    bad.raise_if_any()
    filter_ = narrowed(asker, asked)

    async def read(store: Store) -> MonthForecast:
        now = second_of(await store.now())
        month, today = month_of(now), now - now % DAY
        spent: Sequence[Sum] = ()
        if month.begin < now:
            spent = await store.sums(filter_, Window(month.begin, now), (), MOST_LINES)
        history = Window(today - HISTORY_DAYS * DAY, today)
        days = daily_costs(await store.changes(filter_, history), HISTORY_DAYS)
        left = month.end - now
        found = outlooks(spent, await store.standing(filter_), left)
        return MonthForecast(
            month.month, [forecast(one, days.get(one.currency, ()), left) for one in found]
        )

    return await tx.run(read, timeout=_PATIENCE)


def _check_report(asked: ReportRequest) -> None:
    bad = Violations()
    check_filter(asked.filter, "filter", bad)
    count = len(asked.dimensions)
    if not 1 <= count <= MOST_DIMENSIONS or len(set(asked.dimensions)) != count:
        bad.add("dimensions", f"expected 1 to {MOST_DIMENSIONS}, each once")
    if asked.begin is not None and asked.end is not None:
        if asked.begin >= asked.end:
            bad.add("to_time", "expected a time after from_time")
        elif asked.end - asked.begin > _LONGEST:
            bad.add("to_time", "expected at most ten years after from_time")
    bad.raise_if_any()


def _window(asked: ReportRequest, now: int) -> Window:
    begin = month_of(now).begin if asked.begin is None else asked.begin
    end = now if asked.end is None else min(asked.end, now)
    # What is in the future costs nothing yet, and what is older than ten years is not looked at.
    begin = max(begin, end - _LONGEST)
    return Window(begin, max(begin, end))


def _whole(window: Window) -> list[Window]:
    return [window] if window.begin < window.end else []
