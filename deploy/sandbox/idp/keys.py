"""Signing keys of the realms: kept in files, rotated, and published as JWK sets.

A key that was replaced stays in its realm's set as long as a token it signed may live.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deploy.sandbox.supervisor.files import write_atomic

_KEPT_AFTER_ROTATION = timedelta(hours=25)


@dataclass(frozen=True)
class SigningKey:
    """A P-256 key; `retired` is when another took its place. Its id is the RFC 7638 thumbprint."""

    private: ec.EllipticCurvePrivateKey
    retired: datetime | None = None

    @property
    def kid(self) -> str:
        """The key's id."""
        canonical = json.dumps(self._public(), sort_keys=True, separators=(",", ":"))
        return _base64url(hashlib.sha256(canonical.encode()).digest())

    def jwk(self) -> dict[str, str]:
        """The public half, as it stands in a JWK set."""
        return {**self._public(), "kid": self.kid, "use": "sig", "alg": "ES256"}

    def _public(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        return {
            "crv": "P-256",
            "kty": "EC",
            "x": _base64url(numbers.x.to_bytes(32, "big")),
            "y": _base64url(numbers.y.to_bytes(32, "big")),
        }


class KeyStore:
    """The keys of all realms in one folder, one 0600 file for each realm."""

    def __init__(self, home: Path, now: Callable[[], datetime]) -> None:
        self._home = home
        self._now = now
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._realms = {file.stem: _read(file) for file in sorted(home.glob("*.json"))}

    def realms(self) -> list[str]:
        """The realms that have keys."""
        return sorted(self._realms)

    def ensure(self, realm: str) -> None:
        """Gives a realm its first key, if it has none."""
        if realm not in self._realms:
            self.rotate(realm)

    def current(self, realm: str) -> SigningKey:
        """The key that signs for a realm; KeyError if there is no such realm."""
        return self._realms[realm][0]

    def jwks(self, realm: str) -> dict[str, list[dict[str, str]]]:
        """The realm's public keys, the current one first; KeyError if there is no such realm."""
        return {"keys": [key.jwk() for key in self._live(realm)]}

    def rotate(self, realm: str) -> SigningKey:
        """A new key that signs from now on; the old ones stay published for their tokens' life."""
        now = self._now()
        old = [
            key if key.retired else SigningKey(key.private, retired=now)
            for key in self._live(realm)
        ]
        new = SigningKey(ec.generate_private_key(ec.SECP256R1()))
        keys = [new, *old]
        write_atomic(self._home / f"{realm}.json", _written(keys))
        self._realms[realm] = keys
        return new

    def _live(self, realm: str) -> list[SigningKey]:
        oldest = self._now() - _KEPT_AFTER_ROTATION
        keys = self._realms.get(realm, [])
        return [key for key in keys if key.retired is None or key.retired > oldest]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _written(keys: list[SigningKey]) -> bytes:
    stored = [
        {
            "pem": key.private.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ).decode(),
            "retired": key.retired.astimezone(UTC).isoformat() if key.retired else None,
        }
        for key in keys
    ]
    return json.dumps(stored, indent=2).encode()


def _read(file: Path) -> list[SigningKey]:
    keys = []
    for entry in json.loads(file.read_bytes()):
        private = load_pem_private_key(entry["pem"].encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{file} holds a key that is not an EC key")
        retired = datetime.fromisoformat(entry["retired"]) if entry["retired"] else None
        keys.append(SigningKey(private, retired))
    return keys
