"""The form of a catalog's ``sessions``: what a session is said to cost, and what it costs."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from services.chassis.money import exponent
from services.pricing.catalog_forms import Form, Seconds
from services.pricing.sessions import SessionRates

_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,9})?")


def _amount(value: object) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not _AMOUNT.fullmatch(text):
        raise ValueError("expected a decimal such as 0.002107, at most 9 digits on either side")
    return Decimal(text)


Amount = Annotated[Decimal, BeforeValidator(_amount)]


class FeeForm(Form):
    """What the payment provider keeps of each payment."""

    share: Annotated[Amount, Field(le=1)] = Decimal(0)
    fixed: Amount = Decimal(0)


class SessionsForm(Form):
    """Amounts are decimals in the major unit; a block that was begun counts whole."""

    currency: str
    block: Annotated[Seconds, Field(ge=1)]
    charged: Amount
    infrastructure: Amount
    credits: int = Field(default=1, ge=0, le=1_000_000)
    provider_fee: FeeForm = FeeForm()

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str) -> str:
        exponent(value)
        return value

    def to_domain(self) -> SessionRates:
        """Return the rates."""
        return SessionRates(
            currency=self.currency,
            block_seconds=self.block,
            charged=self.charged,
            infrastructure=self.infrastructure,
            credits=self.credits,
            fee_share=self.provider_fee.share,
            fee_fixed=self.provider_fee.fixed,
        )
