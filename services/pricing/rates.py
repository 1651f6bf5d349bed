"""The rate card: what a core, a GB and a feature cost, where, and what comes off. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

DEFAULT_TYPE = "default"
"""The threshold of every type of resource that has none of its own."""
OWN_CLOUD = "own"
"""What a card's own cloud is called unless the card says otherwise."""
MAX_CLOUDS = 50
"""The most clouds of a card, its own among them."""


class Rounding(StrEnum):
    """How the exact total becomes whole minor units; it is never below 0."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    UP = "up"


class Upfront(StrEnum):
    """How much of a term is paid at its beginning."""

    NONE = "none"
    PARTIAL = "partial"
    ALL = "all"


class Measure(StrEnum):
    """What a volume discount measures, in a month, over the whole deployment.

    Core-hours, GB-hours of memory, GB-months of storage; ``TOTAL`` is the list price of all
    resources with their backup, in the major unit.
    """

    CPU = "cpu"
    MEMORY = "memory"
    STORAGE = "storage"
    TOTAL = "total"


class Rates(NamedTuple):
    """Prices of one unit, in the major unit of the card's currency; a GB is 2^30 bytes."""

    cpu_core_hour: Decimal
    memory_gb_hour: Decimal
    storage_gb_month: Decimal


class Limits(NamedTuple):
    """The most that one replica may ask for: cores, and GB."""

    cpu: Decimal
    memory: Decimal
    storage: Decimal


@dataclass(frozen=True, slots=True)
class Band:
    """The share that comes off what is used above an amount."""

    above: Decimal
    off: Decimal


@dataclass(frozen=True, slots=True)
class VolumeDiscount:
    """What comes off where much is used; ``bands`` rise.

    ``graduated``: each band's use at its own share; else all of it at the highest band's.
    """

    name: str
    of: Measure
    graduated: bool
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class AccountTier:
    """What an account of its own tier pays: a share off, or its own rates in the own cloud."""

    display_name: str
    off: Decimal
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Coupon:
    """A share or an amount that comes off, until the end of a day in UTC, where it counts.

    Exactly one of ``off`` and ``amount`` is above 0. No ``clouds`` or ``types``: all of them.
    """

    off: Decimal
    amount: Decimal
    until: date | None = None
    clouds: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()


Terms = Mapping[int, Mapping[Upfront, Decimal]]
"""What comes off a commitment, by its years and by how much of it is paid upfront."""


class Offering(Protocol):
    """What one cloud offers. ``backup_plans`` are shares, ``features`` prices of a month."""

    @property
    def default_region(self) -> str: ...

    @property
    def rates(self) -> Rates: ...

    @property
    def regions(self) -> Mapping[str, Decimal]: ...

    @property
    def backup_plans(self) -> Mapping[str, Decimal]: ...

    @property
    def features(self) -> Mapping[str, Decimal]: ...

    @property
    def volume_discounts(self) -> tuple[VolumeDiscount, ...]: ...

    @property
    def commitments(self) -> Terms: ...


@dataclass(frozen=True, slots=True)
class Cloud:
    """Another cloud of a rate card, complete."""

    default_region: str
    rates: Rates
    regions: Mapping[str, Decimal]
    backup_plans: Mapping[str, Decimal]
    features: Mapping[str, Decimal]
    volume_discounts: tuple[VolumeDiscount, ...] = ()
    commitments: Terms = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateCard:
    """One version of the rates. A version is the hash of the content and never changes.

    ``default_region`` to ``features``, ``volume_discounts`` and ``commitments`` are the own
    cloud's; ``clouds`` are the others. ``backup_plans`` are shares of the resource cost,
    ``features`` prices of a month, ``thresholds`` amounts above which a type of resource has to be
    paid first.
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
    cloud: str = OWN_CLOUD
    clouds: Mapping[str, Cloud] = field(default_factory=dict)
    rounding: Rounding = Rounding.HALF_EVEN
    volume_discounts: tuple[VolumeDiscount, ...] = ()
    commitments: Terms = field(default_factory=dict)
    partial_upfront: Decimal = Decimal("0.5")
    account_tiers: Mapping[str, AccountTier] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    content: str = field(default="", repr=False, compare=False)

    def threshold(self, types: frozenset[str]) -> Decimal:
        """Return the lowest threshold of these types of resource."""
        default = self.thresholds[DEFAULT_TYPE]
        own = [self.thresholds[each] for each in types if each in self.thresholds]
        return min(own, default=default)

    def offering(self, cloud: str) -> Offering | None:
        """Return what a cloud offers; None if the card does not have it."""
        return self if cloud == self.cloud else self.clouds.get(cloud)

    def offerings(self) -> Mapping[str, Offering]:
        """Return what each cloud offers, the own one first."""
        return {self.cloud: self, **self.clouds}
