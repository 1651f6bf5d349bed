"""What OpenAPI says of costs and budgets; a ``float`` stands for an exact JSON number."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from gateway.bodies import Body, Name, Text

_MOST = 10**13
_PLACES = 3  # No currency has more.


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("expected a number in the currency's major unit")
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_PLACES or not 0 < number <= _MOST:
        raise ValueError(f"expected more than 0, at most {_MOST}, and {_PLACES} decimal places")
    return number


Amount = Annotated[
    Decimal,
    PlainValidator(_amount),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": _MOST}),
]


class FilterBody(Body):
    """What counts; at least one field. What is left out narrows nothing."""

    account: Text | None = None
    user: Text | None = None
    team: Text | None = None
    organization: Text | None = None
    plan: Text | None = None
    region: Text | None = None


class ThresholdBody(Body):
    """A share of the amount, in percent, and what is compared with it."""

    percent: Annotated[int, Field(ge=1, le=1000)]
    basis: Literal["spent", "forecast"] = "spent"


class BudgetBody(Body):
    """A budget as a whole: what may be spent in a calendar month (UTC), and who is told when.

    ``etag`` is that of the state that is changed, as is ``If-Match``; without both any state is.
    """

    displayName: Name  # noqa: N815 - the dialect's form, here and on
    filter: FilterBody
    amount: Amount
    currency: Name
    thresholds: Annotated[list[ThresholdBody], Field(min_length=1, max_length=10)]
    emails: Annotated[list[Name], Field(max_length=5)] | None = None
    webhookUrl: Annotated[str, Field(max_length=2048)] | None = None  # noqa: N815
    etag: Text | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LineAnswer(_Answer):
    """What was spent by one value of each dimension; ``values`` is by the dimension's name."""

    values: dict[str, str]
    amount: float
    currency: str
    records: int


class TotalAnswer(_Answer):
    """The whole of one currency."""

    amount: float
    currency: str
    records: int


class ReportAnswer(_Answer):
    """Lines in the order of their values; those of a currency add up to its total."""

    by: list[str]
    begin: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]
    lines: list[LineAnswer]
    totals: list[TotalAnswer]


class RecordAnswer(_Answer):
    """One time in which capacity stood unchanged; ``end`` is null while it stands.

    ``monthlyRate`` and ``cost`` are exact decimals, the latter to twelve places, as texts.
    """

    id: str
    tenant: str
    account: str
    user: str | None
    team: str | None
    organization: str | None
    plan: str
    region: str
    namespace: str | None
    kind: str
    quota: dict[str, str]
    begin: str
    end: str | None
    monthlyRate: str  # noqa: N815
    cost: str
    currency: str
    rateCardVersion: str  # noqa: N815


class RecordsAnswer(_Answer):
    """A page, newest first; ``nextPageToken`` is null on the last one."""

    records: list[RecordAnswer]
    nextPageToken: str | None  # noqa: N815


class ForecastLine(_Answer):
    """Spent so far, and expected by the month's end.

    Four of five months end above ``low``, four of five below ``high``.
    """

    spent: float
    expected: float
    low: float
    high: float
    currency: str


class ForecastAnswer(_Answer):
    """What will have been spent by the end of the current month (UTC), by currency."""

    month: str
    forecasts: list[ForecastLine]


class ThresholdAnswer(_Answer):
    """A share of the amount, in percent, and what is compared with it."""

    percent: int
    basis: Literal["spent", "forecast", "other"]


class BudgetAnswer(_Answer):
    """A budget as it stands."""

    id: str
    displayName: str  # noqa: N815
    filter: dict[str, str]
    amount: float
    currency: str
    thresholds: list[ThresholdAnswer]
    emails: list[str]
    webhookUrl: str | None  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    etag: str


class BudgetsAnswer(_Answer):
    """A page, oldest first; ``nextPageToken`` is null on the last one."""

    budgets: list[BudgetAnswer]
    nextPageToken: str | None  # noqa: N815


class SecretAnswer(_Answer):
    """What the webhook of a budget is signed with, as Standard Webhooks writes it."""

    secret: str


class DeliveryAnswer(_Answer):
    """Who is told of an alert, and how far that is; ``id`` is a webhook's ``webhook-id``."""

    id: str
    channel: Literal["mail", "webhook", "other"]
    target: str
    state: Literal["pending", "delivered", "given-up", "other"]
    attempts: int
    lastError: str | None  # noqa: N815


class AlertAnswer(_Answer):
    """A threshold that was passed: once for each budget, threshold and month."""

    id: str
    budget: str
    month: str
    threshold: ThresholdAnswer
    amount: float
    found: float
    currency: str
    createdAt: str  # noqa: N815
    deliveries: list[DeliveryAnswer]


class AlertsAnswer(_Answer):
    """A page, newest first; ``nextPageToken`` is null on the last one."""

    alerts: list[AlertAnswer]
    nextPageToken: str | None  # noqa: N815
