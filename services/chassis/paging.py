"""Pages of a list: page sizes with bounds, and opaque tokens that say where to go on."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson

from services.chassis.errors import Violations

T = TypeVar("T")

DEFAULT_SIZE = 100
LARGEST_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list's items, and the token of what follows; empty on the last page."""

    items: Sequence[T]
    next_token: str = ""


def page_size(asked: int) -> int:
    """Return the size of the page, 100 for 0; InvalidArgument unless 0 to 1000."""
    if not 0 <= asked <= LARGEST_SIZE:
        bad = Violations()
        bad.add("page_size", f"expected 0 to {LARGEST_SIZE}, got {asked}")
        bad.raise_if_any()
    return asked or DEFAULT_SIZE


def to_token(*key: str | int) -> str:
    """Return the token of the page that begins after the item with this sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def from_token(token: str, *shape: type[str] | type[int]) -> tuple[str | int, ...] | None:
    """Return the sort key in a token, None for the first page.

    InvalidArgument names the field ``page_token`` if it is no token of this list.
    """
    if not token:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError):
        key = None
    fits = isinstance(key, list) and len(key) == len(shape)
    if not fits or any(type(part) is not kind for part, kind in zip(key, shape, strict=True)):
        bad = Violations()
        bad.add("page_token", "expected the next_page_token of the page before, unchanged")
        bad.raise_if_any()
    return tuple(key)


def page_of(items: Sequence[T], asked: int, token: str) -> Page[T]:
    """Return a page of a list that is held whole; its token counts items."""
    size = page_size(asked)
    key = from_token(token, int)
    start = int(key[0]) if key else 0
    end = start + size
    return Page(items[start:end], to_token(end) if end < len(items) else "")
