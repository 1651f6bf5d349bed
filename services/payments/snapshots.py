"""Snapshots of provider objects: a digest that says whether anything changed, and a summary.

The digest covers everything that facts say; the summary is for operators and leaves persons out.
"""

import hashlib
from collections.abc import Mapping

import orjson

from services.payments.facts import Payer
from services.payments.ports import Json
from services.payments.views import View


def digest_of(view: View, payer: Payer) -> bytes:
    """Return 32 bytes that change when anything that a fact would say has changed."""
    content = orjson.dumps([view, payer], option=orjson.OPT_SORT_KEYS, default=dict)
    return hashlib.sha256(content).digest()


def summary_of(view: View) -> Mapping[str, Json]:
    """Return what an operator wants to see, without customer and metadata."""
    summary: dict[str, Json] = orjson.loads(orjson.dumps(view, default=dict))
    return {name: value for name, value in summary.items() if name not in _PERSONAL}


_PERSONAL = frozenset({"customer", "marker"})
