"""The metadata that travels with a call, and the acting person as it travels in it."""

from functools import lru_cache
from typing import Final, Literal

import orjson

from services.chassis.errors import Unauthenticated
from services.chassis.identity import Principal

AUTHORIZATION: Final = "authorization"
PRINCIPAL: Final = "tollgate-principal-bin"
TRACEPARENT: Final = "traceparent"

_TEXTS = ("subject", "kind", "issuer", "email", "organization")
_LISTS = ("namespaces", "groups")


@lru_cache(maxsize=1024)
def principal_to_bytes(principal: Principal) -> bytes:
    """Write a principal for another service's internal listener."""
    texts: dict[str, str | list[str]] = {name: getattr(principal, name) for name in _TEXTS}
    lists = {name: list(getattr(principal, name)) for name in _LISTS}
    return orjson.dumps({**texts, **lists})


@lru_cache(maxsize=1024)
def principal_from_bytes(raw: bytes) -> Principal:
    """Read a principal that a known service passed along; raise Unauthenticated if it is none.

    The same people call again and again: what their bytes say is remembered, refusals are not.
    """
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed() from error
    if not isinstance(found, dict):
        raise _malformed()
    texts = {name: found.get(name, "") for name in _TEXTS}
    lists = {name: found.get(name, []) for name in _LISTS}
    if not all(isinstance(value, str) for value in texts.values()):
        raise _malformed()
    if not all(_is_texts(value) for value in lists.values()):
        raise _malformed()
    return Principal(
        subject=texts["subject"],
        kind=_kind(texts["kind"]),
        issuer=texts["issuer"],
        email=texts["email"],
        organization=texts["organization"],
        namespaces=tuple(lists["namespaces"]),
        groups=tuple(lists["groups"]),
    )


def _kind(word: str) -> Literal["user", "service"]:
    if word == "user":
        return "user"
    if word == "service":
        return "service"
    raise _malformed()


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _malformed() -> Unauthenticated:
    return Unauthenticated("The acting person was passed along unreadably.", reason="BAD_PRINCIPAL")
