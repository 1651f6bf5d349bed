"""Messages between asyncpg and PostgreSQL, as far as a simulated network has to understand them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEAD = struct.Struct("!cI")
_START = struct.Struct("!II")
_CANCEL = 80877102
_ASKS_BACK = frozenset({3, 5, 10, 11})
"""Kinds of authentication requests that the client has to answer."""


@dataclass(slots=True)
class Asked:
    """What a client sent in one go.

    ``until`` has one letter for each answer that is due: ``Z`` ends with ReadyForQuery, ``D`` with
    a statement's description, ``A`` with a request to authenticate, ``X`` with the end of the
    connection. ``sql`` are the statements that it executes.
    """

    data: bytes
    until: list[str] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)
    user: str = ""
    cancels: int = 0


def split(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield the whole messages in it: the kind, the body, all of it."""
    place = 0
    while len(data) - place >= _HEAD.size:
        kind, size = _HEAD.unpack_from(data, place)
        end = place + 1 + size
        if len(data) < end:
            return
        yield kind, data[place + 5 : end], data[place:end]
        place = end


def first(data: bytes) -> Asked:
    """Read what a client begins with: a startup, or the request to cancel somebody's statement."""
    _, code = _START.unpack_from(data)
    if code == _CANCEL:
        return Asked(data, ["X"], cancels=struct.unpack_from("!I", data, 8)[0])
    words = data[8:].split(b"\0")
    user = words[words.index(b"user") + 1].decode()
    return Asked(data, ["A"], user=user)


def read(data: bytes, prepared: dict[str, str]) -> Asked:
    """Read what a client sends later; statements that it prepares are kept in ``prepared``."""
    asked = Asked(data)
    bound = ""
    for kind, body, _ in split(data):
        match kind:
            case b"Q":
                asked.sql.append(_word(body))
                asked.until.append("Z")
            case b"P":
                name, sql = body.split(b"\0", 2)[:2]
                prepared[name.decode()] = sql.decode()
            case b"B":
                bound = body.split(b"\0", 2)[1].decode()
            case b"E":
                asked.sql.append(prepared.get(bound, ""))
            case b"S":
                asked.until.append("Z")
            case b"H":
                asked.until.append("D")
            case b"p":
                asked.until.append("A")
            case b"X":
                asked.until.append("X")
            case _:
                pass
    return asked


def is_answer(until: str, kind: bytes, body: bytes) -> bool:
    """Tell whether a message of the server ends the answer that is due."""
    match until:
        case "Z":
            return kind == b"Z"
        case "D":
            return kind in (b"T", b"n", b"E")
        case "A":
            asks = kind == b"R" and struct.unpack_from("!I", body)[0] in _ASKS_BACK
            return asks or kind == b"Z"
        case _:
            return False


def query(sql: str) -> bytes:
    """Return a simple query."""
    text = sql.encode() + b"\0"
    return b"Q" + struct.pack("!I", len(text) + 4) + text


def _word(body: bytes) -> str:
    return body.split(b"\0", 1)[0].decode()
