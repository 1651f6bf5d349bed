"""The `Stripe-Signature` header: HMAC-SHA256 over the time, a dot and the raw body."""

import hashlib
import hmac
from collections.abc import Sequence


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """The header for one secret: `t=<timestamp>,v1=<hex>`; timestamp in seconds."""
    return sign_all(payload, (secret,), timestamp)


def sign_all(payload: bytes, secrets: Sequence[str], timestamp: int) -> str:
    """The header with one v1 for each secret, as during a rotation."""
    signatures = [f"v1={_digest(payload, secret, timestamp)}" for secret in secrets]
    return ",".join([f"t={timestamp}", *signatures])


def _digest(payload: bytes, secret: str, timestamp: int) -> str:
    signed = str(timestamp).encode() + b"." + payload
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
