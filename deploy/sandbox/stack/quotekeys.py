"""The key that quotes are signed with: made once and kept, readable by its owner only."""

import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from deploy.sandbox.supervisor.files import write_atomic


def quote_keys(file: Path) -> Path:
    """Return the path of a JSON Web Key Set with a private Ed25519 key, made with the first call.

    A key in front of the others replaces the one that signs: pricing follows the file.
    """
    if not file.exists():
        key = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
        named = {**key, "kid": f"quotes-{secrets.token_hex(4)}", "alg": "EdDSA", "use": "sig"}
        write_atomic(file, json.dumps({"keys": [named]}, indent=2).encode(), 0o600)
    return file
