"""Field errors: the causes inside an `Invalid` status, worded as the real server words them."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with one field."""

    reason: str
    message: str
    field: str

    def as_json(self) -> dict[str, str]:
        """The `StatusCause` form."""
        return {"reason": self.reason, "message": self.message, "field": self.field}

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def shown(value: Any) -> str:
    """A value as error texts quote it."""
    return orjson.dumps(value).decode()


def invalid(field: str, value: Any, why: str) -> Cause:
    """The field has a value that it may not have."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", field)


def required(field: str, why: str = "") -> Cause:
    """The field must be there."""
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def forbidden(field: str, why: str) -> Cause:
    """The field may not be set or changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def duplicate(field: str, value: Any) -> Cause:
    """The value stands twice where it must be unique."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def unsupported(field: str, value: Any, allowed: list[str]) -> Cause:
    """The value is none of a closed set."""
    listed = ", ".join(shown(item) for item in allowed)
    message = f"Unsupported value: {shown(value)}: supported values: {listed}"
    return Cause("FieldValueNotSupported", message, field)


def type_invalid(field: str, value: Any, wanted: str) -> Cause:
    """The value has the wrong JSON type."""
    message = f"Invalid value: {shown(value)}: {field} in body must be of type {wanted}"
    return Cause("FieldValueTypeInvalid", message, field)
