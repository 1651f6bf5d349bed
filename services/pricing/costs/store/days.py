"""The SQL of sums by day, kept by triggers: what is spent where nobody is named.

A sum over a time is the difference of two sums since ever: of whole days from the sums by day, and
of the begun day from the records that changed on it. Exact, like sums over records.
"""

from collections.abc import Sequence

import asyncpg

from services.chassis.db import Connection
from services.pricing.costs.domain import DAY, CostFilter, Dimension
from services.pricing.costs.forecast import DayChange, Standing
from services.pricing.costs.months import Window
from services.pricing.costs.report import Sum
from services.pricing.costs.store.rows import Conditions

_NARROW = frozenset({Dimension.PLAN.value, Dimension.REGION.value})
_KEPT = _NARROW | {Dimension.ORGANIZATION.value}
_COLUMNS = (
    "day, organization, plan, region, currency, hours_per_month, rate, rate_seconds, begun, ended"
)
# Any number that no other lock of this schema uses.
_FOLD_LOCK = 7_301_003
_ONLY_ONE = "SELECT pg_try_advisory_xact_lock($1)"
# So many rows at once, since a fold that takes too long would never be done. Rows are only added
# and taken away, and whoever folds is alone: a place in the table stays what it is.
_MOST_AT_ONCE = 20_000
_FOLD = f"""
WITH changed AS (
    DELETE FROM cost_day_changes
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM cost_day_changes LIMIT {_MOST_AT_ONCE}))
    RETURNING *
), folded AS (
INSERT INTO cost_days AS known ({_COLUMNS})
SELECT day, organization, plan, region, currency, hours_per_month, sum(rate), sum(rate_seconds),
    sum(begun), sum(ended)
FROM changed GROUP BY day, organization, plan, region, currency, hours_per_month
ON CONFLICT (day, organization, plan, region, currency, hours_per_month) DO UPDATE SET
    rate = known.rate + excluded.rate, rate_seconds = known.rate_seconds + excluded.rate_seconds,
    begun = known.begun + excluded.begun, ended = known.ended + excluded.ended
)
SELECT count(*) FROM changed
"""  # noqa: S608 - a constant


def kept_by_day(filter: CostFilter, columns: Sequence[Dimension] = ()) -> bool:  # noqa: A002
    """Tell whether the sums by day know everything that is narrowed by and looked at.

    One organization's own records are fewer than these sums, and have an index.
    """
    narrowed = {name for name, _ in filter.terms()}
    return narrowed <= _NARROW and {one.value for one in columns} <= _KEPT


async def fold(connection: Connection) -> bool:
    """Put some of what has changed into the sums by day; return whether there may be more.

    One does it at a time, another leaves it be.
    """
    if not await connection.fetchval(_ONLY_ONE, _FOLD_LOCK):
        return False
    return int(await connection.fetchval(_FOLD)) == _MOST_AT_ONCE


async def day_sums(
    connection: Connection,
    filter: CostFilter,  # noqa: A002 - the contract's word
    window: Window,
    columns: Sequence[Dimension],
    limit: int,
) -> Sequence[Sum]:
    """Return what records cost within a window."""
    found = Conditions()
    begin, end = found.parameter(window.begin), found.parameter(window.end)
    first, last = found.parameter(window.begin // DAY), found.parameter(window.end // DAY)
    found.add_filter(filter)
    names = [one.value for one in columns]
    keys = ", ".join([*names, "currency", "hours_per_month"])
    most = found.parameter(limit)
    whole = f"""
SELECT {keys}, rate * ({end} - (day + 1) * {DAY}) + rate_seconds
        - CASE WHEN day < {first} THEN rate * ({begin} - (day + 1) * {DAY}) + rate_seconds
            ELSE 0 END AS rate_seconds,
    begun - CASE WHEN day < {first} THEN ended ELSE 0 END AS records,
    CASE WHEN day < {first} THEN 0 ELSE begun END AS begun
FROM ({_days(found.where)}) AS days WHERE day < {last}"""  # noqa: S608 - constants, and places
    edges = [
        _edge(keys, found, "begin_second", f">= {last} * {DAY}", f"< {end}", f"{end} - AT", 1, 1),
        _edge(keys, found, "end_second", f">= {last} * {DAY}", f"< {end}", f"AT - {end}", 0, 0),
        _edge(
            keys, found, "begin_second", f">= {first} * {DAY}", f"< {begin}", f"AT - {begin}", 0, -1
        ),
        _edge(
            keys, found, "end_second", f">= {first} * {DAY}", f"<= {begin}", f"{begin} - AT", -1, 0
        ),
    ]
    statement = f"""
SELECT {keys}, sum(rate_seconds) AS rate_seconds, sum(records)::bigint AS records,
    sum(begun)::bigint AS begun
FROM ({" UNION ALL ".join([whole, *edges])}) AS parts
GROUP BY {keys} HAVING sum(records) > 0 LIMIT {most}"""  # noqa: S608 - as above
    rows = await connection.fetch(statement, *found.parameters)
    return [_sum(row, names) for row in rows]


async def day_standing(
    connection: Connection,
    filter: CostFilter,  # noqa: A002 - the contract's word
) -> Sequence[Standing]:
    """Return the rates of what stands."""
    found = Conditions()
    found.add_filter(filter)
    statement = f"""
SELECT currency, hours_per_month, sum(rate) AS rate FROM ({_days(found.where)}) AS days
GROUP BY currency, hours_per_month HAVING sum(begun) > sum(ended)"""  # noqa: S608 - constants
    rows = await connection.fetch(statement, *found.parameters)
    return [Standing(row["currency"], row["hours_per_month"], row["rate"]) for row in rows]


async def day_changes(
    connection: Connection,
    filter: CostFilter,  # noqa: A002 - the contract's word
    window: Window,
) -> Sequence[DayChange]:
    """Return what stood at a window's begin, and what changed on each of its whole days."""
    found = Conditions()
    first, last = found.parameter(window.begin // DAY), found.parameter(window.end // DAY)
    found.add_filter(filter)
    statement = f"""
SELECT currency, hours_per_month, greatest(day - {first}, -1)::int AS day, sum(rate) AS rate,
    coalesce(sum(rate_seconds) FILTER (WHERE day >= {first}), 0) AS rate_seconds
FROM ({_days(found.where)}) AS days WHERE day < {last}
GROUP BY 1, 2, 3"""  # noqa: S608 - constants, and places of parameters
    rows = await connection.fetch(statement, *found.parameters)
    return [
        DayChange(
            row["currency"], row["hours_per_month"], row["day"], row["rate"], row["rate_seconds"]
        )
        for row in rows
    ]


def _days(where: str) -> str:
    return (
        f"SELECT {_COLUMNS} FROM cost_days {where} "  # noqa: S608 - constants, and places
        f"UNION ALL SELECT {_COLUMNS} FROM cost_day_changes {where}"
    )


def _edge(
    keys: str,
    found: Conditions,
    column: str,
    above: str,
    below: str,
    seconds: str,
    records: int,
    begun: int,
) -> str:
    """Return what begins or ends on a day that counts only in part; AT is its second."""
    narrowed = f"{found.where} AND" if found.where else "WHERE"
    return f"""
SELECT {keys}, monthly_rate * ({seconds.replace("AT", column)}), {records}, {begun}
FROM cost_records {narrowed} {column} {above} AND {column} {below}"""  # noqa: S608 - as above


def _sum(row: asyncpg.Record, names: Sequence[str]) -> Sum:
    return Sum(
        values=tuple(row[name] for name in names),
        currency=row["currency"],
        hours_per_month=row["hours_per_month"],
        rate_seconds=row["rate_seconds"],
        records=row["records"],
        begun=row["begun"],
    )
