"""Rows of cost records, and conditions on them."""

from collections.abc import Mapping

import asyncpg

from services.pricing.costs.domain import CostFilter, CostRecord, Dimension
from services.pricing.costs.rating import standing
from services.pricing.costs.store.codec import Codec

FOREVER = 2**63 - 1
"""The end of what still stands."""
COLUMNS = (
    "name",
    "begin_second",
    "end_second",
    "revision",
    "hours_per_month",
    "monthly_rate",
    "currency",
    "tenant",
    "account",
    "user_name",
    "team",
    "organization",
    "plan",
    "region",
    "namespace",
    "rate_card_version",
)
OF_DIMENSION: Mapping[str, str] = {
    **{one.value: one.value for one in Dimension if one is not Dimension.MONTH},
    # A word of SQL's own.
    Dimension.USER.value: "user_name",
}
"""The column of each dimension that has one."""


class Conditions:
    """What rows have to fulfil: text of our own, with places for what others say."""

    def __init__(self) -> None:
        self.parameters: list[object] = []
        self._terms: list[str] = []

    def parameter(self, value: object) -> str:
        """Take a value; return its place."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def add(self, term: str, *values: object) -> None:
        """Demand a term, in which each ``{}`` stands for a value."""
        self._terms.append(term.format(*(self.parameter(value) for value in values)))

    def add_filter(self, filter: CostFilter) -> None:  # noqa: A002 - the contract's word
        """Demand what a filter names."""
        for field, value in filter.terms():
            column = OF_DIMENSION[field]
            # Said twice where the index leaves the empty value out, for the planner to see.
            bare = f"{column} <> '' AND " if column in ("user_name", "organization") else ""
            self.add(bare + column + " = {}", value)

    @property
    def where(self) -> str:
        """Return the clause, empty without conditions."""
        return f"WHERE {' AND '.join(self._terms)}" if self._terms else ""


def row_of(record: CostRecord) -> tuple[object, ...]:
    """Return the values of the columns."""
    return (
        record.name,
        record.begin,
        FOREVER if record.end is None else record.end,
        record.revision,
        record.hours_per_month,
        record.monthly_rate,
        record.currency,
        record.tenant,
        record.account,
        record.user,
        record.team,
        record.organization,
        record.plan,
        record.region,
        record.namespace,
        record.rate_card_version,
    )


def record_of(row: asyncpg.Record, codec: Codec) -> CostRecord:
    """Read a record, with the observation that began it."""
    capacity = standing(codec.decode_observation(row["revision"], row["content"]))
    if capacity is None:
        raise LookupError(f"cost record {row['name']} was begun by what does not stand")
    end = row["end_second"]
    return CostRecord(
        name=row["name"],
        tenant=row["tenant"],
        revision=row["revision"],
        account=row["account"],
        user=row["user_name"],
        team=row["team"],
        organization=row["organization"],
        plan=row["plan"],
        region=row["region"],
        namespace=row["namespace"],
        capacity=capacity,
        begin=row["begin_second"],
        end=None if end == FOREVER else end,
        monthly_rate=row["monthly_rate"],
        currency=row["currency"],
        hours_per_month=row["hours_per_month"],
        rate_card_version=row["rate_card_version"],
    )
