"""Signs quotes and checks signatures: a compact JWS with EdDSA over Ed25519.

Keys come from a JSON Web Key Set. The first key signs; the others, with or without their private
part, only verify, so that a key can be replaced while quotes that it signed are still open.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from services.chassis.money import Money
from services.pricing.claims import PublicKey, QuoteClaims, Verified
from services.pricing.errors import QuoteSignatureRefused

ALGORITHM: Final = "EdDSA"
CURVE: Final = "Ed25519"
TYPE: Final = "tollgate-quote+jwt"
ISSUER: Final = "tollgate/pricing"
MAX_KEYS = 20
_MAX_TOKEN = 4096
_MAX_FILE = 64 * 1024
_LONGEST_ID = 64


class BadKeys(ValueError):  # noqa: N818 - an answer about a file
    """The text is no key set that can sign; never says anything of a key but its id."""


class KeyRing:
    """Keys at one moment; a ring without keys signs nothing and knows no signature."""

    def __init__(
        self,
        signer: tuple[str, Ed25519PrivateKey] | None = None,
        public: Mapping[str, Ed25519PublicKey] | None = None,
    ) -> None:
        self._signer = signer
        self._public = dict(public or {})

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read a JSON Web Key Set; BadKeys says what is wrong with it."""
        if len(text) > _MAX_FILE:
            raise BadKeys("is larger than 64 KiB")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise BadKeys("is no JSON") from None
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_KEYS:
            raise BadKeys(f'expected {{"keys": […]}} with 1 to {MAX_KEYS} keys')
        read = [_key(entry, f"keys[{place}]") for place, entry in enumerate(entries)]
        public = {key_id: _public(key) for key_id, key in read}
        if len(public) != len(read):
            raise BadKeys("two keys have the same kid")
        first_id, first = read[0]
        if not isinstance(first, Ed25519PrivateKey):
            raise BadKeys(f"the first key ({first_id}) signs, and has no private part (d)")
        return cls((first_id, first), public)

    def sign(self, claims: QuoteClaims) -> str:
        """Return the signature of a quote; empty without a key."""
        if self._signer is None:
            return ""
        key_id, key = self._signer
        headers = {"kid": key_id, "typ": TYPE}
        return jwt.encode(_payload(claims), key, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> Verified:
        """Return what a signature says, whether its time is over or not; QuoteSignatureRefused."""
        if not 1 <= len(token) <= _MAX_TOKEN or not token.isascii():
            raise QuoteSignatureRefused("This is no signature of a quote.")
        try:
            header = jwt.get_unverified_header(token)
            key = self._public.get(str(header.get("kid")))
            if key is None or header.get("typ") != TYPE:
                raise QuoteSignatureRefused("The signature is by no key that is known here.")
            # Whether its time is over is told, and no reason to refuse.
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
            )
            return Verified(_claims(payload), str(header["kid"]))
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            raise QuoteSignatureRefused("The signature does not hold.") from error

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Return the keys that verify, the one that signs first."""
        return tuple(PublicKey(key_id, str(_jwk(key)["x"])) for key_id, key in self._public.items())


class QuoteKeys:
    """The keys as they are now; whoever reads their file replaces the ring."""

    def __init__(self, ring: KeyRing | None = None) -> None:
        self.ring = ring or KeyRing()

    def sign(self, claims: QuoteClaims) -> str:
        """Return the signature of a quote; empty without a key."""
        return self.ring.sign(claims)

    def verify(self, token: str) -> Verified:
        """Return what a signature says; QuoteSignatureRefused."""
        return self.ring.verify(token)

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Return the keys that verify."""
        return self.ring.public_keys()


def _key(entry: object, where: str) -> tuple[str, Ed25519PrivateKey | Ed25519PublicKey]:
    if not isinstance(entry, dict):
        raise BadKeys(f"{where}: expected a JSON Web Key")
    key_id = entry.get("kid")
    if not isinstance(key_id, str) or not 1 <= len(key_id) <= _LONGEST_ID:
        raise BadKeys(f"{where}.kid: expected 1 to {_LONGEST_ID} characters")
    if (entry.get("kty"), entry.get("crv")) != ("OKP", CURVE):
        raise BadKeys(f"{where} ({key_id}): expected kty OKP and crv {CURVE}")
    try:
        key = OKPAlgorithm.from_jwk(entry)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadKeys(f"{where} ({key_id}): is no such key") from None
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise BadKeys(f"{where} ({key_id}): is no such key")
    if isinstance(key, Ed25519PrivateKey) and _jwk(key.public_key())["x"] != entry.get("x"):
        raise BadKeys(f"{where} ({key_id}): x is not the public part of d")
    return key_id, key


def _public(key: Ed25519PrivateKey | Ed25519PublicKey) -> Ed25519PublicKey:
    return key.public_key() if isinstance(key, Ed25519PrivateKey) else key


def _jwk(key: Ed25519PublicKey) -> dict[str, Any]:
    return OKPAlgorithm.to_jwk(key, as_dict=True)


def _payload(claims: QuoteClaims) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "jti": claims.quote,
        "sub": claims.owner,
        "iat": int(claims.issue_time.timestamp()),
        "exp": int(claims.expire_time.timestamp()),
        "spec": claims.spec_hash,
        "total": claims.total.minor_units,
        "currency": claims.total.currency,
        "catalog": claims.catalog_version,
        "rateCard": claims.rate_card_version,
        "paymentRequired": claims.payment_required,
    }


def _claims(payload: Mapping[str, Any]) -> QuoteClaims:
    return QuoteClaims(
        quote=str(payload["jti"]),
        owner=str(payload["sub"]),
        spec_hash=str(payload["spec"]),
        total=Money(payload["currency"], payload["total"]),
        catalog_version=str(payload["catalog"]),
        rate_card_version=str(payload["rateCard"]),
        payment_required=payload["paymentRequired"] is True,
        issue_time=datetime.fromtimestamp(payload["iat"], UTC),
        expire_time=datetime.fromtimestamp(payload["exp"], UTC),
    )
