"""What OpenAPI says of document 000's bodies; a ``float`` stands for an exact JSON number."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.bodies import Body, Name, Text

_LONGEST = 40
_WIDEST = 20  # Digits before and after the point of a number that is written out.


def _written(value: object) -> object:
    """Return a size or a duration as the text that is priced; a number without an exponent."""
    if isinstance(value, bool):
        raise ValueError("expected a number, or a text such as 500m or 4Gi")
    if isinstance(value, int):
        value = Decimal(value)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_WIDEST or value.adjusted() > _WIDEST:
            raise ValueError("expected a number of at most 20 digits on each side of the point")
        return f"{value:f}"
    return value


_NUMBER_OR_TEXT = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}
Size = Annotated[Text, BeforeValidator(_written), WithJsonSchema(_NUMBER_OR_TEXT)]
Replicas = Annotated[int, Field(ge=1, le=1000)]


class ResourceBody(Body):
    """One resource: cores, and GiB where a number is bare, or Kubernetes quantities."""

    type: Text = ""
    cpu: Size = ""
    memory: Size = ""
    storage: Size = ""
    replicas: Replicas = 1


class PriceBody(Body):
    """What is to be priced; ``duration`` is in hours, a month if it is left out."""

    resources: Annotated[list[ResourceBody], Field(min_length=1, max_length=1000)]
    region: Text | None = None
    duration: Size | None = None
    backupPlan: Text | None = None  # noqa: N815 - the document's names are a contract, here and on
    additionalFeatures: Annotated[list[Text], Field(max_length=100)] | None = None  # noqa: N815


class RequirementBody(Body):
    """What somebody has to hold; without ``userId`` it is the caller."""

    userId: Text | None = None  # noqa: N815
    requiredTier: Text | None = None  # noqa: N815
    requiredFeatures: Annotated[list[Name], Field(max_length=100)] | None = None  # noqa: N815


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Refused(_Answer):
    """A refusal; ``fields`` says of each bad field what would be right."""

    error: str
    code: str
    fields: dict[str, str] | None = None


class UpgradeAnswer(_Answer):
    """The cheapest plan that would do, and its price."""

    plan: str
    displayName: str  # noqa: N815
    tier: str
    price: float | None
    currency: str | None
    interval: Literal["once", "month", "year"] | None


class EntitlementAnswer(_Answer):
    """What is held. Where that is not enough: why, in words, and what would be."""

    isValid: bool  # noqa: N815
    subscriptionTier: str | None  # noqa: N815
    availableFeatures: list[str]  # noqa: N815
    remainingCredits: int  # noqa: N815
    nextBillingDate: str | None  # noqa: N815
    billingStatus: str  # noqa: N815
    reason: str | None = None
    message: str | None = None
    missingFeatures: list[str] | None = None  # noqa: N815
    upgrade: UpgradeAnswer | None = None


class ResourcePrice(_Answer):
    """What one resource costs: for the duration, for a month, and its components."""

    type: str
    cost: float
    monthlyCost: float  # noqa: N815
    components: dict[str, float]


class Breakdown(_Answer):
    """By resource, and by component over all of them and the flat features."""

    resources: list[ResourcePrice]
    components: dict[str, float]


class PriceAnswer(_Answer):
    """A price that is kept under ``quoteId`` until ``expiresAt``."""

    totalCost: float  # noqa: N815
    monthlyCost: float  # noqa: N815
    breakdown: Breakdown
    currency: str
    region: str
    quoteId: str  # noqa: N815
    expiresAt: str  # noqa: N815
    requiresPayment: bool  # noqa: N815
