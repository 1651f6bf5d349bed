"""What costs speak of: observations of capacity, records of what stood, filters. Values only.

Times of records are whole seconds of the epoch: a record is exact to the second.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from services.pricing.capacity import Capacity

SECONDS_AN_HOUR = 3600
DAY = 86_400


def second_of(moment: datetime) -> int:
    """Return the whole second of the epoch that a moment lies in."""
    return int(moment.replace(microsecond=0).timestamp())


def moment_of(second: int) -> datetime:
    """Return the begin of a second of the epoch."""
    return datetime.fromtimestamp(second, UTC)


@dataclass(frozen=True, slots=True)
class Observation:
    """What the provisioner saw of a tenant: a full snapshot, the ``revision``-th of it.

    ``capacity`` None: nothing stands. ``resting``: it stands, and nothing in it may run. Owner,
    organization and team are empty for none, and from versions that did not tell them yet;
    ``region`` is empty for the rate card's own.
    """

    tenant: str
    revision: int
    observe_time: datetime
    account: str
    plan: str
    capacity: Capacity | None
    resting: bool = False
    namespace: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class CostRecord:
    """One time in which a tenant's capacity stood unchanged, at one rate.

    ``begin`` and ``end`` are seconds of the epoch, ``end`` exclusive and None while it stands.
    ``monthly_rate`` is exact, in the currency's major unit, for a month of ``hours_per_month``.
    ``revision`` is that of the observation that began it.
    """

    name: str
    tenant: str
    revision: int
    account: str
    user: str
    team: str
    organization: str
    plan: str
    region: str
    namespace: str
    capacity: Capacity
    begin: int
    end: int | None
    monthly_rate: Decimal
    currency: str
    hours_per_month: int
    rate_card_version: str

    def cost(self, now: int) -> Fraction:
        """Return what it has cost until its end, or until ``now`` if that comes first."""
        until = now if self.end is None else min(self.end, now)
        return cost_of(self.monthly_rate, self.hours_per_month, max(0, until - self.begin))


def cost_of(monthly_rate: Decimal, hours_per_month: int, seconds: int = 1) -> Fraction:
    """Return what a monthly rate costs for so many seconds, exactly."""
    # Whole numbers before they are multiplied: a product of decimals has only so many digits, and
    # each fraction is reduced once more.
    top, bottom = monthly_rate.as_integer_ratio()
    return Fraction(top * seconds, bottom * hours_per_month * SECONDS_AN_HOUR)


class Dimension(StrEnum):
    """What a report looks at."""

    USER = "user"
    TEAM = "team"
    ORGANIZATION = "organization"
    PLAN = "plan"
    REGION = "region"
    ACCOUNT = "account"
    TENANT = "tenant"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class CostFilter:
    """Narrows what is looked at; an empty field does not."""

    account: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    plan: str = ""
    region: str = ""

    def terms(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that narrow, and to what."""
        named = ((one.name, getattr(self, one.name)) for one in fields(self))
        return tuple((name, value) for name, value in named if value)

    def takes(self, record: CostRecord) -> bool:
        """Tell whether a record counts."""
        return all(getattr(record, name) == value for name, value in self.terms())
