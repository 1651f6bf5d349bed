"""Entity tags (RFC 9110, 8.8.3): ETag on answers, If-Match beside the etag of a body or URL."""

import re
from typing import Annotated

from fastapi import Header

from gateway.bodies import MAX_TEXT, Answers
from services.chassis.errors import Aborted, FieldViolation, InvalidArgument

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]+)"')
_ANY = "*"
_RIGHT = 'expected one entity tag in quotes, such as "3", or *'

IfMatch = Annotated[
    str,
    Header(
        alias="If-Match",
        max_length=MAX_TEXT,
        description="The `ETag` of the state that is changed, or `*` for any state",
    ),
]


def tagged_answer(status: int = 200) -> Answers:
    """Return what OpenAPI says of answers with the headers of ``tagged``."""
    meaning = "The state that is answered; `If-Match` of a change takes it"
    return {status: {"headers": {"ETag": {"description": meaning, "schema": {"type": "string"}}}}}


def tagged(etag: str) -> dict[str, str]:
    """Return the header that names the state of an answer."""
    return {"ETag": f'"{etag}"'}


def state_named(if_match: str, etag: str) -> str:
    """Return which state is to be changed, by the header and the field; empty for any state.

    InvalidArgument where they disagree or the header is no one tag; Aborted for a weak tag, which
    by RFC 9110 (13.1.1) matches nothing.
    """
    header = if_match.strip()
    if header in ("", _ANY):
        return etag
    found = _TAG.fullmatch(header)
    if found is None:
        raise _bad(FieldViolation("If-Match", _RIGHT))
    if found[1]:
        raise Aborted(
            "If-Match names a weak entity tag, which matches no state.", reason="ETAG_MISMATCH"
        )
    if etag and etag != found[2]:
        raise _bad(
            FieldViolation("If-Match", f"expected the state that etag names, {etag}, or no etag"),
            FieldViolation("etag", f"expected the state that If-Match names, {found[2]}, or none"),
        )
    return found[2]


def _bad(*fields: FieldViolation) -> InvalidArgument:
    sentence = "; ".join(f"{one.field}: {one.description}" for one in fields)
    return InvalidArgument(sentence, fields=fields, reason="INVALID_FIELDS")
