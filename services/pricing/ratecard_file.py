"""From a rate card's text to a rate card, or to a list of problems with file, line and key."""

import hashlib
import json
import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from services.chassis.money import exponent
from services.pricing.catalog_file import problems_of
from services.pricing.catalog_schema import Form, Id, Seconds
from services.pricing.catalog_yaml import MarkedYaml, YamlProblem, read, said
from services.pricing.errors import CatalogRejected
from services.pricing.rates import DEFAULT_TYPE, Limits, RateCard, Rates
from services.pricing.sizes import cores, gigabytes

_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,9})?")


def _amount(value: object) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not _AMOUNT.fullmatch(text):
        raise ValueError("expected a decimal such as 0.048, at most 9 digits on either side")
    return Decimal(text)


Amount = Annotated[Decimal, BeforeValidator(_amount)]
Share = Annotated[Amount, Field(le=10)]
Cores = Annotated[Decimal, BeforeValidator(lambda value: cores(str(value)))]
Gigabytes = Annotated[Decimal, BeforeValidator(lambda value: gigabytes(str(value)))]
Multiplier = Annotated[Amount, Field(gt=0, le=100)]


class RatesForm(Form):
    """Prices of one unit."""

    cpu_core_hour: Amount
    memory_gb_hour: Amount
    storage_gb_month: Amount


class LimitsForm(Form):
    """The most that one replica may ask for."""

    cpu: Cores
    memory: Gigabytes
    storage: Gigabytes


class RateCardForm(Form):
    """A whole rate card."""

    currency: str
    default_region: Id
    hours_per_month: int = Field(ge=1, le=8784)
    rates: RatesForm
    regions: dict[Id, Multiplier] = Field(min_length=1)
    backup_plans: dict[Id, Share] = Field(min_length=1)
    features: dict[Id, Amount]
    payment_thresholds: dict[Id, Amount]
    limits: LimitsForm
    quote_lifetime: Seconds = 3600

    @model_validator(mode="after")
    def _is_whole(self) -> "RateCardForm":
        exponent(self.currency)
        if self.default_region not in self.regions:
            raise ValueError(f"default_region: no region {self.default_region!r} in `regions`")
        if "none" not in self.backup_plans or self.backup_plans["none"] != 0:
            raise ValueError('backup_plans: `none: "0"` has to be there')
        if DEFAULT_TYPE not in self.payment_thresholds:
            raise ValueError("payment_thresholds: `default` has to be there")
        clash = {"cpu", "memory", "storage", "backup"} & set(self.features)
        if clash:
            raise ValueError(f"features: {', '.join(sorted(clash))} names a component already")
        return self

    def to_domain(self, version: str, content: str) -> RateCard:
        """Return the rate card at this version."""
        return RateCard(
            version=version,
            currency=self.currency,
            default_region=self.default_region,
            hours_per_month=self.hours_per_month,
            rates=Rates(**dict(self.rates)),
            regions=self.regions,
            backup_plans=self.backup_plans,
            features=self.features,
            thresholds=self.payment_thresholds,
            limits=Limits(**dict(self.limits)),
            quote_lifetime=self.quote_lifetime,
            content=content,
        )


def parse_rate_card(text: str, source: str) -> RateCard:
    """Read a rate card; CatalogRejected lists every problem as ``source:line: key: what``."""
    try:
        document = read(text)
    except YamlProblem as problem:
        raise CatalogRejected(
            source, [said(source, problem.line, problem.key, str(problem))]
        ) from None
    content = json.dumps(document.value, ensure_ascii=False, separators=(",", ":"))
    return _checked(document, source, content)


def stored_rate_card(content: str) -> RateCard:
    """Read back the content of a version that was in force once."""
    return _checked(MarkedYaml(json.loads(content), {}), "the stored version", content)


def _checked(document: MarkedYaml, source: str, content: str) -> RateCard:
    try:
        form = RateCardForm.model_validate(document.value)
    except ValidationError as error:
        raise CatalogRejected(source, problems_of(document, source, error)) from None
    return form.to_domain(hashlib.sha256(content.encode()).hexdigest(), content)
