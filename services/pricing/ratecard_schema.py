"""The form of a rate card file, and the way from it to the domain.

pydantic checks the form and says what is wrong at which key; ``ratecard_file`` adds file and line.
"""

import re
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from services.chassis.money import exponent
from services.pricing.catalog_schema import Form, Id, Seconds
from services.pricing.rates import (
    DEFAULT_TYPE,
    MAX_CLOUDS,
    OWN_CLOUD,
    AccountTier,
    Band,
    Cloud,
    Coupon,
    Limits,
    Measure,
    RateCard,
    Rates,
    Rounding,
    Terms,
    Upfront,
    VolumeDiscount,
)
from services.pricing.sizes import cores, gigabytes

COMPONENTS = frozenset({"cpu", "memory", "storage", "backup"})
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,9})?")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def _amount(value: object) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not _AMOUNT.fullmatch(text):
        raise ValueError("expected a decimal such as 0.048, at most 9 digits on either side")
    return Decimal(text)


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("expected a day such as 2027-01-31") from None


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError("expected letters, digits, hyphens and underscores, at most 63")
    return value


Amount = Annotated[Decimal, BeforeValidator(_amount)]
Share = Annotated[Amount, Field(le=10)]
Off = Annotated[Amount, Field(le=1)]
Cores = Annotated[Decimal, BeforeValidator(lambda value: cores(str(value)))]
Gigabytes = Annotated[Decimal, BeforeValidator(lambda value: gigabytes(str(value)))]
Multiplier = Annotated[Amount, Field(gt=0, le=100)]
Code = Annotated[str, AfterValidator(_code)]
Regions = Annotated[dict[Id, Multiplier], Field(min_length=1)]
BackupPlans = Annotated[dict[Id, Share], Field(min_length=1)]


class RatesForm(Form):
    """Prices of one unit."""

    cpu_core_hour: Amount
    memory_gb_hour: Amount
    storage_gb_month: Amount

    def to_domain(self) -> Rates:
        """Return the rates."""
        return Rates(**dict(self))


class LimitsForm(Form):
    """The most that one replica may ask for."""

    cpu: Cores
    memory: Gigabytes
    storage: Gigabytes


class BandForm(Form):
    """What comes off above an amount."""

    above: Amount
    off: Off


class VolumeDiscountForm(Form):
    """What comes off where much is used."""

    name: Id
    of: Literal["cpu", "memory", "storage", "total"]
    mode: Literal["graduated", "volume"] = "graduated"
    bands: list[BandForm] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _rise(self) -> "VolumeDiscountForm":
        limits = [band.above for band in self.bands]
        if any(lower >= upper for lower, upper in pairwise(limits)):
            raise ValueError("bands: each `above` has to be larger than the one before")
        return self

    def to_domain(self) -> VolumeDiscount:
        """Return the discount."""
        bands = tuple(Band(band.above, band.off) for band in self.bands)
        return VolumeDiscount(self.name, Measure(self.of), self.mode == "graduated", bands)


class TermForm(Form):
    """What comes off one term, by how much of it is paid upfront; what is not said is not sold."""

    none: Off | None = None
    partial: Off | None = None
    all: Off | None = None


class TermsForm(Form):
    """The terms of one cloud, by their years."""

    year: TermForm | None = Field(default=None, alias="1")
    three_years: TermForm | None = Field(default=None, alias="3")

    def to_domain(self) -> Terms:
        """Return the terms."""
        named = {1: self.year, 3: self.three_years}
        return {
            years: {Upfront(key): off for key, off in dict(term).items() if off is not None}
            for years, term in named.items()
            if term is not None
        }


class CommitmentsForm(TermsForm):
    """The terms of the own cloud, and the share of a partial payment upfront in every cloud."""

    partial_upfront: Annotated[Amount, Field(gt=0, lt=1)] = Decimal("0.5")


class CloudForm(Form):
    """Another cloud; what it leaves out is the card's own."""

    rates: RatesForm | None = None
    regions: Regions | None = None
    default_region: Id | None = None
    backup_plans: BackupPlans | None = None
    features: dict[Id, Amount] | None = None
    volume_discounts: list[VolumeDiscountForm] | None = None
    commitments: TermsForm | None = None


class AccountTierForm(Form):
    """What accounts of a tier pay."""

    off: Off = Decimal(0)
    display_name: str = ""
    rates: RatesForm | None = None

    @model_validator(mode="after")
    def _is_something(self) -> "AccountTierForm":
        if not self.off and self.rates is None:
            raise ValueError("has to say `off`, or `rates` of its own")
        return self

    def to_domain(self, name: str) -> AccountTier:
        """Return the tier."""
        rates = self.rates.to_domain() if self.rates else None
        return AccountTier(self.display_name or name, self.off, rates)


class CouponForm(Form):
    """A share, or an amount in the major unit."""

    off: Off = Decimal(0)
    amount: Amount = Decimal(0)
    until: Annotated[date, BeforeValidator(_day)] | None = None
    clouds: list[Id] = Field(default=[])
    types: list[Id] = Field(default=[])

    @model_validator(mode="after")
    def _is_one(self) -> "CouponForm":
        if bool(self.off) == bool(self.amount):
            raise ValueError("has to say `off` or `amount`, above 0, and not both")
        return self

    def to_domain(self) -> Coupon:
        """Return the coupon."""
        clouds, types = frozenset(self.clouds), frozenset(self.types)
        return Coupon(self.off, self.amount, self.until, clouds, types)


class RateCardForm(Form):
    """A whole rate card."""

    currency: str
    cloud: Id = OWN_CLOUD
    default_region: Id
    hours_per_month: int = Field(ge=1, le=8784)
    rounding: Literal["half_even", "half_up", "up"] = "half_even"
    rates: RatesForm
    regions: Regions
    backup_plans: BackupPlans
    features: dict[Id, Amount]
    volume_discounts: list[VolumeDiscountForm] = Field(default=[])
    commitments: CommitmentsForm = CommitmentsForm()
    clouds: dict[Id, CloudForm] = Field(default={}, max_length=MAX_CLOUDS - 1)
    account_tiers: dict[Id, AccountTierForm] = Field(default={})
    coupons: dict[Code, CouponForm] = Field(default={})
    payment_thresholds: dict[Id, Amount]
    limits: LimitsForm
    quote_lifetime: Seconds = 3600

    @model_validator(mode="after")
    def _is_whole(self) -> "RateCardForm":
        exponent(self.currency)
        if DEFAULT_TYPE not in self.payment_thresholds:
            raise ValueError("payment_thresholds: `default` has to be there")
        if self.cloud in self.clouds:
            raise ValueError(f"clouds: {self.cloud!r} is the card's own (`cloud`)")
        _check_offering("", self._own())
        for name in self.clouds:
            _check_offering(f"clouds.{name}.", self._cloud(name))
        for code, coupon in self.coupons.items():
            unknown = set(coupon.clouds) - {self.cloud, *self.clouds}
            if unknown:
                raise ValueError(f"coupons.{code}.clouds: no cloud {min(unknown)!r}")
        return self

    def _own(self) -> Cloud:
        return Cloud(
            self.default_region,
            self.rates.to_domain(),
            self.regions,
            self.backup_plans,
            self.features,
            tuple(one.to_domain() for one in self.volume_discounts),
            self.commitments.to_domain(),
        )

    def _cloud(self, name: str) -> Cloud:
        said, own = self.clouds[name], self._own()
        volume, terms = said.volume_discounts, said.commitments
        return Cloud(
            said.default_region or own.default_region,
            own.rates if said.rates is None else said.rates.to_domain(),
            own.regions if said.regions is None else said.regions,
            own.backup_plans if said.backup_plans is None else said.backup_plans,
            own.features if said.features is None else said.features,
            own.volume_discounts if volume is None else tuple(one.to_domain() for one in volume),
            own.commitments if terms is None else terms.to_domain(),
        )

    def to_domain(self, version: str, content: str) -> RateCard:
        """Return the rate card at this version."""
        own = self._own()
        return RateCard(
            version=version,
            currency=self.currency,
            cloud=self.cloud,
            default_region=own.default_region,
            hours_per_month=self.hours_per_month,
            rounding=Rounding(self.rounding),
            rates=own.rates,
            regions=own.regions,
            backup_plans=own.backup_plans,
            features=own.features,
            volume_discounts=own.volume_discounts,
            commitments=own.commitments,
            partial_upfront=self.commitments.partial_upfront,
            clouds={name: self._cloud(name) for name in self.clouds},
            account_tiers={name: one.to_domain(name) for name, one in self.account_tiers.items()},
            coupons={code: one.to_domain() for code, one in self.coupons.items()},
            thresholds=self.payment_thresholds,
            limits=Limits(**dict(self.limits)),
            quote_lifetime=self.quote_lifetime,
            content=content,
        )


def _check_offering(where: str, cloud: Cloud) -> None:
    if cloud.default_region not in cloud.regions:
        raise ValueError(f"{where}default_region: no region {cloud.default_region!r} in `regions`")
    if "none" not in cloud.backup_plans or cloud.backup_plans["none"] != 0:
        raise ValueError(f'{where}backup_plans: `none: "0"` has to be there')
    clash = COMPONENTS & set(cloud.features)
    if clash:
        raise ValueError(f"{where}features: {', '.join(sorted(clash))} names a component already")
    names = [discount.name for discount in cloud.volume_discounts]
    if len(set(names)) < len(names):
        raise ValueError(f"{where}volume_discounts: each has a name of its own")
