"""What a call takes: each parameter's type, and the provider's words when one is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from deploy.sandbox.stripe.errors import invalid, missing_param, unknown_params
from deploy.sandbox.stripe.shapes import JsonObject

# A raw value is a string or a tree of them (forms.decode); what comes out is JSON.
Check = Callable[[Any, str], Any]
MAX_METADATA_KEYS = 50
MAX_KEY = 40
MAX_VALUE = 500
MAX_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `clearable`: an empty value is allowed and means None."""

    check: Check
    required: bool = False
    clearable: bool = False


Fields = Mapping[str, Param]


def read(raw: JsonObject, fields: Fields, prefix: str = "") -> JsonObject:
    """The parameters of a call, checked; those not sent are absent."""
    unknown = [_name(prefix, name) for name in raw if name not in fields]
    if unknown:
        raise unknown_params(unknown)
    values: JsonObject = {}
    for name, param in fields.items():
        path = _name(prefix, name)
        if name not in raw:
            if param.required:
                raise missing_param(path)
            continue
        values[name] = _value(raw[name], param, path)
    return values


def _name(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _value(raw: object, param: Param, path: str) -> Any:
    if raw != "":
        return param.check(raw, path)
    if param.clearable:
        return None
    message = (
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset "
        f"a parameter; however '{path}' cannot be unset. You should remove '{path}' from your "
        "request or supply a non-empty value."
    )
    raise invalid(message, path, "parameter_invalid_empty")


def _string(raw: object, path: str) -> str:
    if isinstance(raw, str):
        return raw
    raise invalid(f"Invalid string: {_shown(raw)}", path)


def _shown(raw: object) -> str:
    return str(raw)[:80]


def text(*, required: bool = False, clearable: bool = False, longest: int = 5000) -> Param:
    """A string of at most `longest` characters."""

    def check(raw: object, path: str) -> str:
        value = _string(raw, path)
        if len(value) > longest:
            message = f"Invalid string: must be at most {longest} characters"
            raise invalid(message, path, "parameter_invalid_string_too_long")
        return value

    return Param(check, required, clearable)


def integer(
    *, required: bool = False, least: int = 0, most: int = MAX_INTEGER, clearable: bool = False
) -> Param:
    """A whole number within bounds."""

    def check(raw: object, path: str) -> int:
        value = _string(raw, path)
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise invalid(f"Invalid integer: {_shown(raw)}", path, "parameter_invalid_integer")
        number = int(value)
        if number < least:
            message = f"This value must be greater than or equal to {least}."
            raise invalid(message, path, "parameter_invalid_integer")
        if number > most:
            message = f"This value must be less than or equal to {most}."
            raise invalid(message, path, "parameter_invalid_integer")
        return number

    return Param(check, required, clearable)


def decimal_text(*, required: bool = False) -> Param:
    """A decimal with at most twelve places, kept as a string."""

    def check(raw: object, path: str) -> str:
        value = _string(raw, path)
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < 0:
            raise invalid(f"Invalid decimal: {_shown(raw)}", path)
        return value

    return Param(check, required)


def boolean(*, required: bool = False) -> Param:
    """`true` or `false`."""

    def check(raw: object, path: str) -> bool:
        if raw not in ("true", "false"):
            raise invalid(f"Invalid boolean: {_shown(raw)}", path)
        return raw == "true"

    return Param(check, required)


def one_of(*words: str, required: bool = False, clearable: bool = False) -> Param:
    """One of a closed set of words."""

    def check(raw: object, path: str) -> str:
        value = _string(raw, path)
        if value not in words:
            choice = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
            raise invalid(f"Invalid {path}: must be one of {choice}", path)
        return value

    return Param(check, required, clearable)


def array(
    item: Param, *, required: bool = False, clearable: bool = False, most: int = 100
) -> Param:
    """A list, sent as `name[]` or `name[0]`."""

    def check(raw: object, path: str) -> list[Any]:
        if not isinstance(raw, dict) or not all(key.isdigit() for key in raw):
            raise invalid("Invalid array", path)
        if len(raw) > most:
            raise invalid(f"Array has too many elements; the most is {most}.", path)
        ordered = sorted(raw.items(), key=lambda pair: int(pair[0]))
        return [_value(value, item, f"{path}[{key}]") for key, value in ordered]

    return Param(check, required, clearable)


def nested(fields: Fields, *, required: bool = False, clearable: bool = False) -> Param:
    """An object with fields of its own."""

    def check(raw: object, path: str) -> JsonObject:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", path)
        return read(raw, fields, path)

    return Param(check, required, clearable)


def keyed(item: Param, *, longest: int = 40) -> Param:
    """A map from names, each at most `longest` characters, to values of one type."""

    def check(raw: object, path: str) -> JsonObject:
        if not isinstance(raw, dict) or any(len(key) > longest for key in raw):
            raise invalid("Invalid hash", path)
        return {key: _value(value, item, f"{path}[{key}]") for key, value in raw.items()}

    return Param(check)


def metadata() -> Param:
    """Up to 50 keys of 40 characters with values of 500; empty clears."""

    def check(raw: object, path: str) -> dict[str, str]:
        if not isinstance(raw, dict):
            raise invalid("Invalid hash", path)
        if len(raw) > MAX_METADATA_KEYS:
            raise invalid(f"Metadata can have up to {MAX_METADATA_KEYS} keys.", path)
        for key, value in raw.items():
            _check_metadata(key, _string(value, f"{path}[{key}]"), path)
        return dict(raw)

    return Param(check, clearable=True)


def _check_metadata(key: str, value: str, path: str) -> None:
    if len(key) > MAX_KEY:
        raise invalid(f"Metadata keys can be up to {MAX_KEY} characters long.", path)
    if len(value) > MAX_VALUE:
        message = (
            f"Metadata values can have up to {MAX_VALUE} characters, but you passed in a value "
            f"that is {len(value)} characters. Invalid value: {value[:20]}..."
        )
        raise invalid(message, f"{path}[{key}]")


def time_range() -> Param:
    """A timestamp, or `gt`, `gte`, `lt`, `lte` bounds; comes out as a map of bounds."""
    bounds = nested({name: integer() for name in ("gt", "gte", "lt", "lte")})
    exact = integer()

    def check(raw: object, path: str) -> dict[str, int]:
        if isinstance(raw, str):
            value = exact.check(raw, path)
            return {"gte": value, "lte": value}
        found: dict[str, int] = bounds.check(raw, path)
        return found

    return Param(check)


PAGING: Fields = {
    "limit": integer(least=1, most=100),
    "starting_after": text(),
    "ending_before": text(),
}
EXPAND: Fields = {"expand": array(text())}
