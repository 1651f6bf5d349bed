"""The envelope of an event: what is read of a signed body before it is stored. Pure.

Of the payload, only what other events it has to do with is looked at here. Every text is bounded
and of a known alphabet, so no NUL byte and no oddity reaches the database.
"""

import re
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

from services.payments.events import Refused, VerifiedEvent
from services.payments.providers.stripe import events
from services.payments.providers.stripe.settings import API_VERSION

MAX_DEPTH = 128
_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_TYPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_VERSION = re.compile(r"[0-9A-Za-z.\-]{1,64}")
_MAX_TEXT = 255
_MAX_CREATED = 253_402_300_799  # the last second of the year 9999


def read(body: bytes) -> VerifiedEvent | Refused:
    """Read the envelope, or say with a stable reason why it is none."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Refused("BODY_NOT_UTF8")
    if _too_deep(text):
        return Refused("BODY_TOO_DEEP")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Refused("BODY_NOT_JSON")
    event = _event(document)
    return event if event is not None else Refused("NOT_AN_EVENT")


def _too_deep(text: str) -> bool:
    """Tell whether brackets nest too deep; walks the text only if it has enough of them."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKENS.finditer(text):
        first = token[0][0]
        if first in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in "}]":
            depth -= 1
    return False


_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _event(document: Any) -> VerifiedEvent | None:
    if not isinstance(document, dict) or document.get("object") != "event":
        return None
    event_id = _text(document, "id", _ID)
    event_type = _text(document, "type", _TYPE)
    account = _text(document, "account", _ID, optional=True)
    version = _text(document, "api_version", _VERSION, optional=True)
    object_id = _object_id(document)
    created, livemode = document.get("created"), document.get("livemode")
    if event_id is None or event_type is None or account is None or version is None:
        return None
    if not _is_time(created) or not isinstance(livemode, bool):
        return None
    if object_id is None or (not object_id and event_type in events.HANDLED):
        return None
    kind = events.HANDLED.get(event_type)
    # Of a payload in another version, nothing but the object's id is read (rule 2).
    payload = document["data"]["object"] if kind and version == API_VERSION else None
    return VerifiedEvent(
        id=event_id,
        type=event_type,
        object_id=object_id,
        account=account,
        livemode=livemode,
        api_version=version,
        created=datetime.fromtimestamp(created, UTC),
        root=events.root_of(event_type, object_id),
        shows=() if kind is None or payload is None else kind.shows(payload),
        follows=kind is not None and payload is not None and kind.follows(payload),
    )


def _object_id(document: dict[str, Any]) -> str | None:
    """Return the id of the event's object; empty if it has none (a balance), None if malformed."""
    data = document.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return _text(subject, "id", _ID, optional=True) if isinstance(subject, dict) else None


def _text(
    source: dict[str, Any], name: str, pattern: re.Pattern[str], *, optional: bool = False
) -> str | None:
    """Return a text that matches; empty for an optional one that is not there; None if bad."""
    value = source.get(name)
    if value is None and optional:
        return ""
    fits = isinstance(value, str) and len(value) <= _MAX_TEXT and pattern.fullmatch(value)
    return value if fits else None


def _is_time(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _MAX_CREATED
