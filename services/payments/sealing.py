"""Sealing of stored bodies: AES-256-GCM under keys that live outside the database.

Bodies carry client secrets. The first key seals, all of them open, so that a key is changed by
putting a new one in front. The name of the row is authenticated: a body cannot be moved to another.
"""

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.payments.errors import BodyUnreadable
from services.payments.events import Sealed

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID_CHARS = 16


class Sealer:
    """Seals with the first of its keys and opens with any."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes, at least one; ValueError otherwise."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"sealing needs at least one key, each of {KEY_BYTES} bytes")
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self._first = key_id(keys[0])

    def seal(self, plain: bytes, name: str) -> Sealed:
        """Seal the bytes that belong to the row ``name``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        blob = self._ciphers[self._first].encrypt(nonce, plain, name.encode())
        return Sealed(self._first, nonce + blob)

    def open(self, sealed: Sealed, name: str) -> bytes:
        """Return what was sealed for the row ``name``; BodyUnreadable if that cannot be."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise BodyUnreadable(f"The key {sealed.key_id} that sealed {name} is not loaded.")
        nonce, blob = sealed.blob[:_NONCE_BYTES], sealed.blob[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, blob, name.encode())
        except (InvalidTag, ValueError) as error:
            raise BodyUnreadable(f"The body of {name} does not open: it was altered.") from error


def key_id(key: bytes) -> str:
    """Name a key without telling it."""
    return hashlib.sha256(b"tollgate sealing key\0" + key).hexdigest()[:_KEY_ID_CHARS]
