"""What OpenAPI says of the bodies of a project's quota."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from gateway.bodies import MAX_TEXT, Body
from gateway.routes.billing.models import Answer
from services.chassis import quantities

_MOST = 10**12
_FINEST = -9
"""What no number may be above, and its last decimal place: a text would be as long as that."""


def _quantity(unit: str) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        if value is None:
            return None
        text = value if isinstance(value, str) else _number(value, unit)
        if quantities.parse(text) < 0:
            raise ValueError("expected nothing below 0")
        return text

    return read


def _number(value: Any, unit: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("expected a number, a quantity or null")
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if number > _MOST or not isinstance(exponent, int) or exponent < _FINEST:
        raise ValueError(f"expected at most {_MOST}, and {-_FINEST} decimal places")
    return f"{number:f}{unit}"


def _schema(meaning: str) -> WithJsonSchema:
    number = {"type": "number", "minimum": 0, "maximum": _MOST}
    text = {"type": "string", "maxLength": MAX_TEXT}
    described = f"{meaning}, or a quantity of Kubernetes; null lifts the cap"
    return WithJsonSchema({"anyOf": [number, text, {"type": "null"}], "description": described})


class ProjectCaps(Body):
    """The most that a project may use, as quantities. What is not said stays as it is."""

    cpu: Annotated[str | None, PlainValidator(_quantity("")), _schema("Cores")] = None
    memory: Annotated[str | None, PlainValidator(_quantity("Gi")), _schema("GiB")] = None
    storage: Annotated[str | None, PlainValidator(_quantity("Gi")), _schema("GiB")] = None
    pods: Annotated[str | None, PlainValidator(_quantity("")), _schema("Pods")] = None


class Amounts(Answer):
    """Quantities by the names of Kubernetes."""

    hard: dict[str, str]
    used: dict[str, str]


class LimitRangeItem(Answer):
    """Defaults and bounds of one type of object; what none are said of is left out."""

    type: str
    default: dict[str, str] | None = None
    defaultRequest: dict[str, str] | None = None  # noqa: N815 - Kubernetes' names, here and on
    max: dict[str, str] | None = None
    min: dict[str, str] | None = None
    maxLimitRequestRatio: dict[str, str] | None = None  # noqa: N815


class LimitRange(Answer):
    """The defaults and bounds of the namespace."""

    limits: list[LimitRangeItem]


class ProjectQuota(Answer):
    """What bounds a project: the organization's quota in its namespace, and its own."""

    project: str
    namespace: str
    perProjectQuotaSet: bool  # noqa: N815
    hrq: Amounts
    projectQuota: Amounts  # noqa: N815
    limitRange: LimitRange  # noqa: N815


class QuotaFailure(Answer):
    """The refusal of a change; above the organization's own limit, ``details`` say of what."""

    success: Literal[False]
    error: str
    code: str
    details: Annotated[
        list[dict[str, str]] | dict[str, object] | None,
        Field(description="QUOTA_EXCEEDED: a list of quota_key, requested, organization_hard"),
    ] = None
    timestamp: str
