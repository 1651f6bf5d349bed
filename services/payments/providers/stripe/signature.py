"""The header Stripe-Signature: ``t=<seconds>,v1=<hex>[,v1=<hex>…]``. Pure.

Cheap checks come first, and the comparison takes the same time whatever matches: each secret is
tried against each signature, to the end.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

HEADER = "stripe-signature"
TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 16
_MAX_HEADER = 4096
_TIME = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Signature:
    """A well-formed header."""

    timestamp: int
    digests: tuple[str, ...]


def parse(header: str) -> Signature | None:
    """Read a header; None if it is malformed or names more than 16 signatures."""
    if len(header) > _MAX_HEADER:
        return None
    pairs = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    digests = [value for name, value in pairs if name == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        return None
    if not 1 <= len(digests) <= MAX_SIGNATURES or len(pairs) > 2 * MAX_SIGNATURES:
        return None
    if not all(_HEX.fullmatch(digest) for digest in digests):
        return None
    return Signature(int(times[0]), tuple(digests))


def refusal(header: str | None, body: bytes, secrets: Sequence[str], now: float) -> str | None:
    """Return the stable reason why the body is not to be believed; None if it is.

    ``now`` is in seconds since 1970.
    """
    if not header:
        return "SIGNATURE_MISSING"
    signature = parse(header)
    if signature is None:
        return "SIGNATURE_MALFORMED"
    if signature.timestamp < now - TOLERANCE_SECONDS:
        return "SIGNATURE_STALE"
    if signature.timestamp > now + TOLERANCE_SECONDS:
        return "SIGNATURE_FUTURE"
    return None if _matches(signature, body, secrets) else "SIGNATURE_INVALID"


def _matches(signature: Signature, body: bytes, secrets: Sequence[str]) -> bool:
    signed = b"%d.%b" % (signature.timestamp, body)
    found = False
    for secret in secrets:
        expected = hmac.digest(secret.encode(), signed, "sha256").hex()
        for digest in signature.digests:
            found |= hmac.compare_digest(expected, digest)
    return found
