"""Reads the protobuf bodies of `kubectl create`, `kubectl auth can-i` and helm's releases.

A field that is in no table here is refused: to drop it would be to store something else.
"""

import base64
from collections.abc import Iterator
from typing import Any

from deploy.sandbox.kubernetes.core.errors import unsupported_media_type
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.server.messages import (
    ENVELOPE,
    FLAG,
    MESSAGES,
    NUMBER,
    TEXT,
    Field,
    Message,
)

_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def parse_protobuf(raw: bytes) -> Obj:
    """The object in a body; a type or field that is not known here is a 415 that says so."""
    if not raw.startswith(_MAGIC):
        raise _refused("the body does not begin as Kubernetes protobuf does")
    try:
        return _opened(raw)
    except (IndexError, UnicodeDecodeError) as error:
        raise _refused("the body is cut off or no protobuf") from error


def _opened(raw: bytes) -> Obj:
    envelope = _read(raw[len(_MAGIC) :], ENVELOPE, "the envelope")
    head: Obj = envelope.get("typeMeta", {})
    kind = head.get("kind", "")
    message = MESSAGES.get((head.get("apiVersion", "").rpartition("/")[0], kind))
    if message is None:
        raise _refused(f"protobuf of kind {kind} is not read here: send JSON")
    body = base64.b64decode(envelope.get("raw", ""))
    return {**head, **_read(body, message, kind)}


def _refused(why: str) -> Exception:
    return unsupported_media_type(f"the body of the request was in an unknown format - {why}")


def _read(raw: bytes, message: Message, where: str) -> Obj:
    found: Obj = {}
    for number, value in _fields(raw):
        field = message.get(number)
        if field is not None:
            _put(found, field, value, where)
        elif value:
            raise _refused(f"field {number} of {where} is not read here: send JSON")
    return found


def _put(found: Obj, field: Field, value: int | bytes, where: str) -> None:
    decoded = _decoded(field, value, f"{where}.{field.name}")
    if field.is_map:
        entry = {"key": "", "value": "", **decoded}
        found.setdefault(field.name, {})[entry["key"]] = entry["value"]
    elif field.repeated:
        found.setdefault(field.name, []).append(decoded)
    elif decoded not in ("", {}, 0) or field.explicit:
        # What is empty is written out where the JSON of the same object leaves it out.
        found[field.name] = decoded


def _decoded(field: Field, value: int | bytes, where: str) -> Any:
    if isinstance(value, int) != (field.type in (NUMBER, FLAG)):
        raise _refused(f"{where} is of another type")
    if isinstance(value, int):
        return bool(value) if field.type == FLAG else value
    if isinstance(field.type, dict):
        return _read(value, field.type, where)
    return value.decode() if field.type == TEXT else base64.b64encode(value).decode()


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(raw, at)
            yield tag >> 3, value
            continue
        if wire == _BYTES:
            size, at = _varint(raw, at)
        else:
            size = _FIXED.get(wire, len(raw) + 1)
        if at + size > len(raw):
            raise IndexError
        yield tag >> 3, raw[at : at + size]
        at += size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    found, shift = 0, 0
    while True:
        byte = raw[at]
        at += 1
        found |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return found, at
