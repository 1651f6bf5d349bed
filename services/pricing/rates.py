"""The rate card: what a core, a GB and a feature cost, and where. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

DEFAULT_TYPE = "default"
"""The threshold of every type of resource that has none of its own."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one unit, in the major unit of the card's currency; a GB is 2^30 bytes."""

    cpu_core_hour: Decimal
    memory_gb_hour: Decimal
    storage_gb_month: Decimal


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one replica may ask for: cores, and GB."""

    cpu: Decimal
    memory: Decimal
    storage: Decimal


@dataclass(frozen=True, slots=True)
class RateCard:
    """One version of the rates. A version is the hash of the content and never changes.

    ``backup_plans`` are shares of the resource cost, ``features`` prices of a month,
    ``thresholds`` amounts above which a type of resource has to be paid first.
    """

    version: str
    currency: str
    default_region: str
    hours_per_month: int
    rates: Rates
    regions: Mapping[str, Decimal]
    backup_plans: Mapping[str, Decimal]
    features: Mapping[str, Decimal]
    thresholds: Mapping[str, Decimal]
    limits: Limits
    quote_lifetime: int
    content: str = field(default="", repr=False, compare=False)

    def threshold(self, types: frozenset[str]) -> Decimal:
        """Return the lowest threshold of these types of resource."""
        default = self.thresholds[DEFAULT_TYPE]
        own = [self.thresholds[each] for each in types if each in self.thresholds]
        return min(own, default=default)
