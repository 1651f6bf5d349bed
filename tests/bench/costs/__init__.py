"""What reports over many cost records take, beside the bare statement, and how that grows."""

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from services.pricing.costs import usecases
from services.pricing.costs.domain import CostFilter, Dimension
from services.pricing.costs.report import ReportRequest
from services.pricing.costs.sight import Asker
from tests.bench.costs.rows import Rows, pricing_database
from tests.bench.figures import Floor, median_ratio
from tests.bench.processes import Meter, spent
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import scratch

_EVERYBODY = Asker("bench", everything=True)
_GOAL = 2.0
_SIZES = (100, 10, 1)
"""What the whole size is divided by, the smallest round first."""
_BARE = {"organization": "bare statement, by organization", "user_name": "bare statement, by user"}
_BY_ORGANIZATION = "month's report, by organization"
_BY_USER = "month's report, by user"
_WHY_GOAL = (
    "Who asks for a month waits for it at a screen: where nothing else runs, as long as this. In "
    "processor time, since on a busy machine what is waited says how busy it is."
)
_WHY_DAYS = "Sums by day are read in place of rows: it has to be worth keeping them."
_WHY_ROWS = (
    "The same SUM … GROUP BY over the same rows; beside it, records are counted, each sum is made "
    "money, and the lines are sorted and add up to the cent."
)

Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Taken:
    """Seconds that were waited, and seconds of processor time of all, round by round."""

    waited: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)


async def run(options: Options) -> Report:
    """Measure at a hundredth, a tenth and the whole of the size."""
    report = Report("costs", {"records": options.size, "rounds": options.rounds})
    found: dict[int, dict[str, Taken]] = {}
    with scratch() as folder:
        async with AsyncExitStack() as opened:
            rows = await opened.enter_async_context(pricing_database(folder))
            for part in _SIZES:
                size = options.size // part
                await rows.fill(size)
                options.say(f"costs: {size} records stand")
                found[size] = await _measure(rows, options)
                for what, taken in found[size].items():
                    figures = {"waited": median(taken.waited), "processor": median(taken.spent)}
                    report.add(f"{what}, {size} records", "s", **figures)
    _judge(report, max(found), found[max(found)])
    return report


async def _measure(rows: Rows, options: Options) -> dict[str, Taken]:
    asks: dict[str, Ask] = {
        **{words: partial(rows.bare, column) for column, words in _BARE.items()},
        _BY_ORGANIZATION: _asking(rows, Dimension.ORGANIZATION),
        _BY_USER: _asking(rows, Dimension.USER),
        "month's report, by plan and region": _asking(rows, Dimension.PLAN, Dimension.REGION),
        "month's report, by organization and month": _asking(
            rows, Dimension.ORGANIZATION, Dimension.MONTH
        ),
        "forecast of everything": lambda: usecases.forecast_costs(
            rows.tx, _EVERYBODY, CostFilter()
        ),
        "own report, by plan": _asking(rows, Dimension.PLAN, user="user_3"),
    }
    found = {what: Taken() for what in asks}
    # PostgreSQL is a child of this process.
    meter = Meter({"all": os.getpid()})
    for number in range(options.rounds + 1):
        for what, ask in asks.items() if number % 2 else reversed(asks.items()):
            before, began = meter.read(), time.perf_counter()
            await ask()
            if number:
                found[what].waited.append(time.perf_counter() - began)
                found[what].spent.append(spent(before, meter.read())["all"])
    return found


def _asking(rows: Rows, *dimensions: Dimension, user: str = "") -> Ask:
    asked = ReportRequest(CostFilter(user=user), dimensions, rows.begin, rows.end)
    return lambda: usecases.get_report(rows.tx, _EVERYBODY, asked)


def _judge(report: Report, size: int, whole: dict[str, Taken]) -> None:
    for what, taken in whole.items():
        if what not in _BARE.values():
            floor = Floor(f"{what}, {size} records, s of processor time", _WHY_GOAL, at_most=_GOAL)
            report.check(floor, median(taken.spent))
    days = Floor("by organization, to the bare statement", _WHY_DAYS, at_most=1.0)
    bare = {column: whole[words].spent for column, words in _BARE.items()}
    report.check(days, median_ratio(whole[_BY_ORGANIZATION].spent, bare["organization"]))
    rows = Floor("by user, to the bare statement", _WHY_ROWS, at_most=2.0)
    report.check(rows, median_ratio(whole[_BY_USER].spent, bare["user_name"]))
