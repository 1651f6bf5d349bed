"""Request bodies: bounded, read exactly, and held to the model that documents them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request
from starlette.types import Receive

from gateway.limits import MAX_BODY_BYTES
from gateway.parsing import NoValue, Place, parse
from gateway.problems import PayloadTooLarge
from services.chassis.errors import FieldViolation, InvalidArgument

MAX_TEXT = 255
PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""Texts without control characters, which no database would take."""
_EXPECTED = {
    "string_type": "expected a text",
    "string_unicode": "expected a text",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "model_type": "expected an object",
    "dict_type": "expected an object",
    "string_pattern_mismatch": "expected no control characters",
    "string_too_long": "expected at most {max_length} characters",
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
    "too_short": "expected at least {min_length}",
    "too_long": "expected at most {max_length}",
    "literal_error": "expected {expected}",
}
_NEEDED = frozenset({"missing", "string_too_short"})


class Body(BaseModel):
    """A body that a client sends. What is not named is ignored: a client sets no price of ours."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=PLAIN)]
Name = Annotated[Text, Field(min_length=1)]
M = TypeVar("M", bound=Body)
Answers: TypeAlias = dict[int | str, dict[str, Any]]


async def read_body(request: Request, model: type[M]) -> M:
    """Return the body; InvalidArgument names every bad field at once, in the client's words."""
    raw = await read(request, announced_size(request, MAX_BODY_BYTES))
    try:
        found = parse(raw)
    except (ValueError, ArithmeticError, RecursionError):
        raise InvalidArgument("The body is not JSON.", reason="BODY_NOT_JSON") from None
    bad: list[tuple[str, str]] = []
    try:
        body = model.model_validate(found.content)
    except ValidationError as error:
        bad = [(_path(one["loc"]), _expected(one)) for one in error.errors(include_url=False)]
    bad = _with_strays(bad, found.strays)
    if bad:
        raise _refusal(bad)
    return body


def documented(model: type[Body]) -> dict[str, Any]:
    """Return what OpenAPI says of a route that reads this body."""
    schema = model.model_json_schema()
    whole = _inlined(schema, schema.pop("$defs", {}))
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": whole}},
        }
    }


def refusals(model: type[BaseModel], meanings: Mapping[int | str, str]) -> Answers:
    """Return what OpenAPI says of refusals with these statuses, whose body is always this one."""
    # Written out: a model for each would be built anew for each status of each route.
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {
        status: {"description": meaning, "content": content} for status, meaning in meanings.items()
    }


def announced_size(request: Request, most: int) -> int:
    """Return the body's size, the most that is taken if it is not announced."""
    return size_of(request.headers.get("content-length", ""), most)


def size_of(announced: str, most: int) -> int:
    """Return the size that a Content-Length names, the most that is taken if it names none."""
    if not announced.isdecimal():
        return most
    # More digits than any size has are not even read.
    if len(announced) > len(str(most)) or int(announced) > most:
        raise _too_large(most)
    return int(announced)


async def read(request: Request, most: int) -> bytes:
    """Return the body; PayloadTooLarge beyond ``most`` bytes."""
    return await read_from(request.receive, most)


async def read_from(receive: Receive, most: int) -> bytes:
    """Return the body that a server hands over in parts; PayloadTooLarge beyond ``most`` bytes."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidArgument("The body ended early.", reason="BODY_INCOMPLETE")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def request_key(
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            description="The same key with the same content is answered as the first time.",
        ),
    ] = "",
) -> str:
    """Return the caller's idempotency key, empty for a new operation."""
    if len(key) > MAX_TEXT:
        raise needed("Idempotency-Key", f"expected at most {MAX_TEXT} characters")
    return key


def needed(field: str, description: str = "") -> InvalidArgument:
    """Return the refusal of one field: that it is required, or what would be right."""
    sentence = f"{field}: {description}" if description else f"{field} is required"
    violation = FieldViolation(field, description or "is required")
    return InvalidArgument(sentence, fields=[violation], reason="INVALID_FIELDS")


def _with_strays(
    bad: Sequence[tuple[str, str]], strays: Sequence[tuple[Place, NoValue]]
) -> list[tuple[str, str]]:
    """Name words that are no values; what their field itself says of what is right stays."""
    words = {_path(place): stray.word for place, stray in strays}
    known = {field for field, _ in bad}
    found = [*bad, *((field, "expected a value of JSON") for field in words if field not in known)]
    return [
        (field, f"{text}, which {words[field]} is not" if field in words else text)
        for field, text in found
    ]


def _refusal(bad: Sequence[tuple[str, str]]) -> InvalidArgument:
    # The absent field alone is the sentence that clients of document 001 look for.
    sentences = [
        f"{field} {text}" if text == "is required" else f"{field}: {text}" for field, text in bad
    ]
    violations = [FieldViolation(field, text) for field, text in bad]
    return InvalidArgument("; ".join(sentences), fields=violations, reason="INVALID_FIELDS")


def _expected(problem: ErrorDetails) -> str:
    if problem["type"] in _NEEDED:
        return "is required"
    known = _EXPECTED.get(problem["type"])
    if known:
        return known.format(**problem.get("ctx", {}))
    return problem["msg"].removeprefix("Value error, ")


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "body"


def _too_large(most: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {most} bytes.")


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """Put the parts of a schema where it refers to them: it has no place of its own for them."""
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {key: _inlined(value, parts) for key, value in schema.items()}
