"""What a deployment costs, in parts. Values only."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.chassis.money import Money


class Part(NamedTuple):
    """What one component costs for the duration, and for one month, in minor units."""

    component: str
    currency: str
    minor_units: int
    monthly_minor_units: int

    @property
    def amount(self) -> Money:
        """What it costs for the duration."""
        return Money(self.currency, self.minor_units)

    @property
    def monthly(self) -> Money:
        """What it costs for one month."""
        return Money(self.currency, self.monthly_minor_units)


class ResourceCost(NamedTuple):
    """What one resource costs: its parts and their sums, in minor units."""

    type: str
    parts: tuple[Part, ...]
    currency: str
    minor_units: int
    monthly_minor_units: int

    @property
    def amount(self) -> Money:
        """What it costs for the duration."""
        return Money(self.currency, self.minor_units)

    @property
    def monthly(self) -> Money:
        """What it costs for one month."""
        return Money(self.currency, self.monthly_minor_units)


class Columns(NamedTuple):
    """What all parts cost, in whole minor units, for the duration and for one month.

    Both columns have rows for the ``parts`` of each resource in turn, of these ``types``, then one
    for each of the flat ``features``, then the sums: one for each resource, one for each part.
    """

    types: tuple[str, ...]
    parts: tuple[str, ...]
    features: tuple[str, ...]
    amounts: tuple[int, ...]
    monthly: tuple[int, ...]

    def resource_costs(self, currency: str) -> Iterator[ResourceCost]:
        """Return what each resource costs."""
        width = len(self.parts)
        sums = width * len(self.types) + len(self.features)
        for at, name in enumerate(self.types):
            parts, of_it = self._parts(self.parts, at * width, currency), sums + at
            yield ResourceCost(name, parts, currency, self.amounts[of_it], self.monthly[of_it])

    def component_costs(self, currency: str) -> tuple[Part, ...]:
        """Return what each part costs over all resources, and what each feature costs."""
        return (
            *self._parts(self.parts, len(self.amounts) - len(self.parts), currency),
            *self._parts(self.features, len(self.parts) * len(self.types), currency),
        )

    def _parts(self, names: tuple[str, ...], begin: int, currency: str) -> tuple[Part, ...]:
        return tuple(
            Part(name, currency, self.amounts[at], self.monthly[at])
            for at, name in enumerate(names, begin)
        )


class DiscountKind(StrEnum):
    """What something comes off for, in the order in which it does."""

    VOLUME = "VOLUME"
    COMMITMENT = "COMMITMENT"
    ACCOUNT = "ACCOUNT"
    COUPON = "COUPON"


@dataclass(frozen=True, slots=True)
class Discount:
    """What came off, for the duration and for one month; never above 0."""

    kind: DiscountKind
    name: str
    amount: Money
    monthly: Money


@dataclass(frozen=True, slots=True)
class PaymentSchedule:
    """When a commitment is paid: at its beginning, and each month from then on."""

    upfront: Money
    instalments: tuple[Money, ...]


class Tax(StrEnum):
    """Who works out taxes."""

    ADDED_BY_PROVIDER = "ADDED_BY_PROVIDER"


class Cost(NamedTuple):
    """What a deployment costs, before tax, in minor units.

    Components and discounts add up to the total, for the duration and for a month; so do the
    resources, the flat features and the discounts. Quotes of old have no ``cloud`` and no ``tax``.
    """

    currency: str
    minor_units: int
    monthly_minor_units: int
    columns: Columns
    region: str
    rate_card_version: str
    cloud: str = ""
    discounts: tuple[Discount, ...] = ()
    schedule: PaymentSchedule | None = None
    tax: Tax | None = None

    @property
    def total(self) -> Money:
        """What it costs for the duration."""
        return Money(self.currency, self.minor_units)

    @property
    def monthly(self) -> Money:
        """What it costs for one month."""
        return Money(self.currency, self.monthly_minor_units)

    @property
    def resources(self) -> tuple[ResourceCost, ...]:
        """What each resource costs, in the order of the deployment."""
        return tuple(self.columns.resource_costs(self.currency))

    @property
    def components(self) -> tuple[Part, ...]:
        """What each component costs over all resources, and each flat feature."""
        return self.columns.component_costs(self.currency)
