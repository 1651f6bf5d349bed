"""Keeps secrets out of logs: by the names of keys, and by what values look like."""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Final

HIDDEN: Final = "[hidden]"

_NAMES = frozenset(
    {
        *("card", "number", "cvc", "cvv", "pan", "iban"),
        *("cookie", "set_cookie", "dsn", "signature", "payload", "body", "raw"),
    }
)
_PARTS = (
    "authorization",
    "token",
    "secret",
    "password",
    "passwd",
    "credential",
    "api_key",
    "apikey",
    "private_key",
    "card_",
)
_VALUES = re.compile(
    r"""
      (?P<scheme>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}
    | \beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*                      # a JWT
    | \b(?:[sr]k_(?:live|test)|whsec|cs_(?:live|test)|pi_\w+_secret)_\w{6,}
    | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)                        # user and password of a URL
    | \b\d(?:[ -]?\d){12,18}\b                               # a card's number
    """,
    re.VERBOSE,
)
_DEPTH = 6

# Most of what is logged is logged again and again: methods, codes, who called. What was found to
# hold no secret is remembered, what holds one never is.
_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 128
_harmless: set[str] = set()


def redact(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Hide secrets in one log event; a structlog processor."""
    for key, value in event.items():
        # Nearly all there is, said without a call.
        kind = type(value)
        known = value in _harmless if kind is str else kind is float or kind is int
        if known and not is_secret_name(key):
            continue
        event[key] = _clean(key, value, 0)
    return event


@lru_cache(maxsize=_MOST_REMEMBERED)
def is_secret_name(key: str) -> bool:
    """Tell whether what stands under this key is hidden whatever it is."""
    name = key.lower().replace("-", "_")
    return name in _NAMES or any(part in name for part in _PARTS)


def redact_text(text: str) -> str:
    """Hide what looks like a secret within a text."""
    if text in _harmless:
        return text
    shown = _VALUES.sub(lambda found: (found.group("scheme") or "") + HIDDEN, text)
    if shown == text and len(text) <= _LONGEST_REMEMBERED:
        if len(_harmless) >= _MOST_REMEMBERED:
            _harmless.clear()
        _harmless.add(text)
    return shown


def _clean(key: str, value: object, depth: int) -> object:
    if is_secret_name(key) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return HIDDEN
    if depth >= _DEPTH:
        return HIDDEN if isinstance(value, Mapping | list | tuple) else value
    if isinstance(value, Mapping):
        return {name: _clean(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item, depth + 1) for item in value]
    return value
