"""Snapshots of provider objects: a digest that says whether anything changed, and a summary.

The digest covers everything that facts say; the summary is for operators and leaves persons out.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import orjson

from services.payments.facts import Payer
from services.payments.ports import Json
from services.payments.views import View


def digest_of(view: View, payer: Payer) -> bytes:
    """Return 32 bytes that change when anything that a fact would say has changed."""
    content = [asdict(view), asdict(payer)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=_plain).encode()).digest()


def summary_of(view: View) -> Mapping[str, Json]:
    """Return what an operator wants to see, without customer and metadata."""
    content = {name: value for name, value in asdict(view).items() if name not in _PERSONAL}
    summary: Mapping[str, Json] = orjson.loads(orjson.dumps(content))
    return summary


_PERSONAL = frozenset({"customer", "marker"})


def _plain(value: object) -> Json:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a snapshot")
