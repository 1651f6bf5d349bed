"""The form of hold's ``quotas.yaml``."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from services.chassis.money import exponent
from services.pricing.catalog_schema import quantity
from services.pricing.domain import Interval
from services.pricing.sources.reading import Foreign

PRICE_KEYS = (
    (Interval.MONTH, "stripe_price_monthly"),
    (Interval.YEAR, "stripe_price_yearly"),
)


def _storage(value: object) -> str:
    """Judge a storage quota and keep it as it is written: people read it."""
    kept = quantity("storage", value)
    return str(value) if str(value).rstrip("B") == kept else kept


def _currency(value: object) -> str:
    code = str(value).lower()
    exponent(code)
    return code


class TierForm(Foreign):
    """A tier; one without a price is free."""

    quota: Annotated[str, BeforeValidator(_storage)]
    description: str = ""
    stripe_price_monthly: str = ""
    stripe_price_yearly: str = ""


class DefaultsForm(Foreign):
    """The tiers that are given without a payment."""

    new_crew_tier: str = ""
    plankowner_crew_tier: str = ""


class BillingForm(Foreign):
    """Whether customers can pay, in what, and where they come back to."""

    enabled: bool = False
    currency: Annotated[str, BeforeValidator(_currency)] = "usd"
    success_url: str = ""
    cancel_url: str = ""


class QuotasForm(Foreign):
    """The whole file; tiers are judged one by one."""

    tiers: dict[str, object] = Field(min_length=1)
    defaults: DefaultsForm = DefaultsForm()
    billing: BillingForm = BillingForm()
