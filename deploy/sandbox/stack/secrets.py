"""Secrets that the stack makes once and keeps: readable by their owner only."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.sandbox.supervisor.files import write_atomic


@dataclass(frozen=True, slots=True)
class StackSecrets:
    """Tokens of the sandbox cluster, Stripe's secrets, the key that seals stored bodies."""

    cluster_admin: str
    cluster_provisioner: str
    stripe_key: str
    stripe_webhook: str
    sealing_key: str

    @property
    def alert_key(self) -> str:
        """The key that secrets of alerts' webhooks follow from; also of homes made before it."""
        made = hmac.digest(self.sealing_key.encode(), b"webhooks of alerts", hashlib.sha256)
        return base64.b64encode(made).decode()


def load_or_make(file: Path) -> StackSecrets:
    """Return the secrets of this home, made with the first call."""
    if file.exists():
        return StackSecrets(**json.loads(file.read_bytes()))
    made = StackSecrets(
        cluster_admin=secrets.token_urlsafe(32),
        cluster_provisioner=secrets.token_urlsafe(32),
        stripe_key=f"sk_test_{secrets.token_hex(24)}",
        stripe_webhook=f"whsec_{secrets.token_hex(24)}",
        sealing_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )
    write_atomic(file, json.dumps(asdict(made), indent=2).encode(), 0o600)
    return made
