"""Idempotency keys: the first answer to a key is kept for 24 hours and given again.

As with the provider, refusals before a call began (bad parameters, no access, a rate limit) are
not kept; results, declines and server errors are.
"""

import hashlib
from dataclasses import dataclass

import orjson

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import idempotency_mismatch
from deploy.sandbox.stripe.shapes import JsonObject

KEPT_SECONDS = 24 * 3600
NOT_KEPT = frozenset({400, 401, 403, 404, 409, 429, 501})


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body, and the request that they first answered."""

    status: int
    body: bytes
    request_id: str


def fingerprint(method: str, path: str, params: JsonObject) -> str:
    """What a key was used for: call and parameters, whatever their order."""
    parts = orjson.dumps([method, path, params], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(parts).hexdigest()


def replay(context: Context, key: str, mark: str) -> Answer | None:
    """The first answer under a key; refused when the key was for another call."""
    found = context.tx.get("idempotency", key)
    if found is None or found["created"] + KEPT_SECONDS <= context.now:
        return None
    if found["fingerprint"] != mark:
        raise idempotency_mismatch(key)
    return Answer(found["status"], found["body"].encode(), found["request"])


def remember(context: Context, key: str, mark: str, answer: Answer) -> None:
    """Keep an answer, if it is one that is kept."""
    if answer.status in NOT_KEPT:
        return
    context.tx.save(
        "idempotency",
        {
            "id": key,
            "created": context.now,
            "fingerprint": mark,
            "status": answer.status,
            "body": answer.body.decode(),
            "request": answer.request_id,
        },
    )
