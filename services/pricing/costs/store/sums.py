"""The SQL of sums over cost records. Exact: products and sums of numerics are never rounded."""

from collections.abc import Sequence

from services.chassis.db import Connection
from services.pricing.costs.domain import DAY, CostFilter, Dimension
from services.pricing.costs.forecast import DayChange, Standing
from services.pricing.costs.months import Window
from services.pricing.costs.report import Sum
from services.pricing.costs.store.days import (
    day_changes,
    day_standing,
    day_sums,
    fold,
    kept_by_day,
)
from services.pricing.costs.store.rows import FOREVER, OF_DIMENSION, Conditions


class SumSql:
    """Sums over records on PostgreSQL, within one transaction."""

    _connection: Connection

    async def sums(
        self,
        filter: CostFilter,  # noqa: A002 - the contract's word
        window: Window,
        columns: Sequence[Dimension],
        limit: int,
    ) -> Sequence[Sum]:
        """Return what records cost within a window, by the values of these dimensions."""
        if kept_by_day(filter, columns):
            return await day_sums(self._connection, filter, window, columns, limit)
        found = Conditions()
        begin, end = found.parameter(window.begin), found.parameter(window.end)
        found.add(f"begin_second < {end}")
        found.add(f"end_second > {begin}")
        found.add_filter(filter)
        names = [OF_DIMENSION[one] for one in columns]
        keys = ", ".join([*names, "currency", "hours_per_month"])
        most = found.parameter(limit)
        statement = f"""
SELECT {keys},
    sum(monthly_rate * (least(end_second, {end}) - greatest(begin_second, {begin})))
        AS rate_seconds,
    count(*) AS records, count(*) FILTER (WHERE begin_second >= {begin}) AS begun
FROM cost_records {found.where} GROUP BY {keys} LIMIT {most}"""  # noqa: S608 - constants, and places of parameters
        rows = await self._connection.fetch(statement, *found.parameters)
        return [
            Sum(
                values=tuple(row[name] for name in names),
                currency=row["currency"],
                hours_per_month=row["hours_per_month"],
                rate_seconds=row["rate_seconds"],
                records=row["records"],
                begun=row["begun"],
            )
            for row in rows
        ]

    async def standing(self, filter: CostFilter) -> Sequence[Standing]:  # noqa: A002
        """Return the rates of what stands."""
        if kept_by_day(filter):
            return await day_standing(self._connection, filter)
        found = Conditions()
        found.add(f"end_second = {FOREVER}")
        found.add_filter(filter)
        statement = f"""
SELECT currency, hours_per_month, sum(monthly_rate) AS rate FROM cost_records {found.where}
GROUP BY currency, hours_per_month"""  # noqa: S608 - as above
        rows = await self._connection.fetch(statement, *found.parameters)
        return [Standing(row["currency"], row["hours_per_month"], row["rate"]) for row in rows]

    async def changes(self, filter: CostFilter, window: Window) -> Sequence[DayChange]:  # noqa: A002
        """Return what stood at a window's begin, and what changed on each day of it."""
        if kept_by_day(filter) and window.begin % DAY == window.end % DAY == 0:
            return await day_changes(self._connection, filter, window)
        found = Conditions()
        begin, end = found.parameter(window.begin), found.parameter(window.end)
        found.add_filter(filter)
        narrowed = f"{found.where} AND" if found.where else "WHERE"
        came, went = (_changed(column, begin, end) for column in ("begin_second", "end_second"))
        # S608, here and below: constants, and places of parameters.
        statement = f"""
SELECT currency, hours_per_month, -1 AS day, sum(monthly_rate) AS rate, 0::numeric AS rate_seconds
FROM cost_records {narrowed} begin_second <= {begin} AND end_second > {begin} GROUP BY 1, 2
UNION ALL SELECT currency, hours_per_month, {came} {narrowed}
    begin_second > {begin} AND begin_second < {end} GROUP BY 1, 2, 3
UNION ALL SELECT currency, hours_per_month, day, -rate, -rate_seconds FROM (
    SELECT currency, hours_per_month, {went} {narrowed}
        end_second > {begin} AND end_second < {end} GROUP BY 1, 2, 3
) AS gone"""  # noqa: S608
        rows = await self._connection.fetch(statement, *found.parameters)
        return [
            DayChange(
                row["currency"],
                row["hours_per_month"],
                row["day"],
                row["rate"],
                row["rate_seconds"],
            )
            for row in rows
        ]

    async def fold_days(self) -> bool:
        """Put some of what has changed into the sums by day; tell whether there may be more."""
        return await fold(self._connection)


def _changed(column: str, begin: str, end: str) -> str:
    """Return day, rate and what the rate costs from its second to the day's end."""
    day = f"(({column} - {begin}) / {DAY})::int"
    left = f"{DAY} - ({column} - {begin}) % {DAY}"
    return (
        f"{day} AS day, sum(monthly_rate) AS rate, sum(monthly_rate * ({left})) AS rate_seconds "
        "FROM cost_records"
    )
