"""Keys that tests sign quotes with, and a quote to sign."""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from services.chassis.money import Money
from services.pricing.claims import QuoteClaims

ISSUED = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLAIMS = QuoteClaims(
    quote="quo_1",
    owner="alice",
    spec_hash="sha256:00",
    total=Money("usd", 18671),
    catalog_version="c1",
    rate_card_version="r1",
    payment_required=True,
    issue_time=ISSUED,
    expire_time=ISSUED + timedelta(hours=1),
)


@lru_cache
def private(name: str) -> dict[str, str]:
    """Return a private key under this id, the same for the same id."""
    key: dict[str, str] = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {**key, "kid": name}


def public(name: str) -> dict[str, str]:
    """Return the public part of a key."""
    return {field: value for field, value in private(name).items() if field != "d"}


def key_set(*keys: dict[str, str]) -> str:
    """Return a file of keys."""
    return json.dumps({"keys": list(keys)})
