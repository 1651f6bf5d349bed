"""What OpenAPI says of document 000's bodies; a ``float`` stands for an exact JSON number."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.bodies import Body, Name, Text

_BEYOND = 1_000_000
_WIDEST = 20  # Digits before and after the point of a number that is written out.


def _written(value: object) -> object:
    """Return a size or a duration as the text that is priced; a number without an exponent."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("expected a number, or a text such as 500m or 4Gi")
    if isinstance(value, int):
        value = Decimal(value)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_WIDEST or value.adjusted() > _WIDEST:
            raise ValueError("expected a number of at most 20 digits on each side of the point")
        return f"{value:f}"
    return value


def _cut(most: int) -> BeforeValidator:
    """Return what leaves of a list one more than pricing takes, which is what it then refuses."""
    return BeforeValidator(lambda value: value[: most + 1] if isinstance(value, list) else value)


def _within_wire(count: int) -> int:
    """Return a count that the contract can carry."""
    return max(-_BEYOND, min(count, _BEYOND))


def _not_left_out(count: int) -> int:
    """Return a count that is not read as left out: none at all is refused like one below."""
    return count or -1


_NUMBER_OR_TEXT = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}
Size = Annotated[Text, BeforeValidator(_written), WithJsonSchema(_NUMBER_OR_TEXT)]
# What is out of these bounds is refused by pricing, with whatever else is wrong.
Replicas = Annotated[
    int,
    AfterValidator(_within_wire),
    AfterValidator(_not_left_out),
    Field(json_schema_extra={"minimum": 1, "maximum": 1000}),
]
Years = Annotated[int, AfterValidator(_within_wire), Field(json_schema_extra={"minimum": 1})]
Features = Annotated[list[Text], _cut(100), Field(json_schema_extra={"maxItems": 100})]


class ResourceBody(Body):
    """One resource: cores, and GiB where a number is bare, or Kubernetes quantities."""

    type: Text = ""
    cpu: Size = ""
    memory: Size = ""
    storage: Size = ""
    replicas: Replicas = 1


class CommitmentBody(Body):
    """A term that is promised: 1 or 3 years; ``upfront`` is none, partial or all."""

    years: Years
    upfront: Text = "none"


class SpecBody(Body):
    """What is to be priced; ``duration`` is in hours, a month if it is left out.

    With a commitment the duration is its term, and is left out.
    """

    resources: Annotated[
        list[ResourceBody], _cut(1000), Field(json_schema_extra={"minItems": 1, "maxItems": 1000})
    ]
    duration: Size | None = None
    backupPlan: Text | None = None  # noqa: N815 - the document's names are a contract, here and on
    additionalFeatures: Features | None = None  # noqa: N815
    commitment: CommitmentBody | None = None
    coupon: Text | None = None


class PriceBody(SpecBody):
    """What is to be priced where; without ``cloud`` and ``region`` in the rate card's own."""

    region: Text | None = None
    cloud: Text | None = None


class ComparisonBody(SpecBody):
    """What is to be priced in which clouds and regions; all of them if none are named."""

    clouds: Annotated[list[Text], _cut(50), Field(json_schema_extra={"maxItems": 50})] | None = None
    regions: Annotated[list[Text], _cut(200), Field(json_schema_extra={"maxItems": 200})] | None = (
        None
    )


class RequirementBody(Body):
    """What somebody has to hold; without ``userId`` it is the caller."""

    userId: Text | None = None  # noqa: N815
    requiredTier: Text | None = None  # noqa: N815
    requiredFeatures: Annotated[list[Name], Field(max_length=100)] | None = None  # noqa: N815


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Refused(_Answer):
    """A refusal; ``fields`` says of each bad field what would be right.

    ``details`` says what differs where something is not what was quoted: field, quoted, asked.
    """

    error: str
    code: str
    fields: dict[str, str] | None = None
    details: dict[str, str] | None = None


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


class DiscountAnswer(_Answer):
    """What comes off, for the duration and for a month; never above 0."""

    kind: Literal["volume", "commitment", "account", "coupon", "other"]
    name: str
    amount: float
    monthly: float


class ScheduleAnswer(_Answer):
    """When a commitment is paid: at its beginning, and each month from then on."""

    upfront: float
    instalments: list[float]


class CostAnswer(_Answer):
    """What a deployment costs; components and discounts add up to the total.

    ``tax`` says who works it out: with ``added-by-provider`` all amounts are without it.
    """

    totalCost: float  # noqa: N815
    monthlyCost: float  # noqa: N815
    breakdown: Breakdown
    currency: str
    cloud: str
    region: str
    discounts: list[DiscountAnswer]
    schedule: ScheduleAnswer | None
    tax: Literal["added-by-provider", "unspecified"]


class PriceAnswer(CostAnswer):
    """A price that is kept under ``quoteId`` until ``expiresAt``.

    These and ``requiresPayment`` are null for what is priced and not sold: another cloud's prices,
    and a commitment in instalments. ``signature`` is a compact JWS over the quote, null where none
    is made.
    """

    quoteId: str | None  # noqa: N815
    expiresAt: str | None  # noqa: N815
    requiresPayment: bool | None  # noqa: N815
    signature: str | None


class OfferAnswer(_Answer):
    """What a deployment costs in one region of one cloud; else ``missing`` says why not."""

    cloud: str
    region: str
    cost: CostAnswer | None
    missing: str | None


class ComparisonAnswer(_Answer):
    """The cheapest for the duration first; what is not offered comes last."""

    offers: list[OfferAnswer]
