"""The settings of payments, read from the environment once at start."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.chassis.config import ChassisConfig, Env, read_chassis, read_target
from services.payments.providers.stripe.settings import StripeSettings, is_live
from services.payments.sealing import KEY_BYTES

PROVIDERS = ("none", "stripe")

PATHS: Mapping[str, str] = {
    "/webhooks/stripe": "STRIPE_WEBHOOK_SECRET_WEBHOOKS_STRIPE",
    "/api/webhooks/stripe": "STRIPE_WEBHOOK_SECRET_API_WEBHOOKS_STRIPE",
    "/api/billing/webhook": "STRIPE_WEBHOOK_SECRET_API_BILLING_WEBHOOK",
    "/xrpc/io.atcr.hold.stripeWebhook": "STRIPE_WEBHOOK_SECRET_XRPC",
}
"""Each path may be an endpoint of its own at Stripe, with secrets of its own."""

OFF = "off"
"""Instead of secrets: nothing listens on this path."""


@dataclass(frozen=True, slots=True)
class Config:
    """One object for the process. ``stripe`` is None and there are no keys if no provider is on."""

    chassis: ChassisConfig
    stripe: StripeSettings | None
    stripe_account: str
    deployment: str
    encryption_keys: tuple[bytes, ...] = field(repr=False)
    subscription_target: str
    bytes_in_flight: int


def read_config(env: Env) -> Config:
    """Read and judge all settings; problems are collected in ``env``."""
    provider = env.choice(
        "BILLING_PROVIDER", PROVIDERS, default="none", doc="the payment provider that is on"
    )
    on = provider == "stripe"
    return Config(
        chassis=read_chassis(env, "payments"),
        stripe=_stripe(env, on=on),
        stripe_account=env.text(
            "STRIPE_ACCOUNT", default="", doc="account that the key must belong to; else pinned"
        ),
        deployment=env.text(
            "TOLLGATE_DEPLOYMENT", default="tollgate", doc="name in the metadata of what we make"
        ),
        encryption_keys=_keys(env, on=on),
        subscription_target=read_target(env, "subscription"),
        bytes_in_flight=env.number(
            "TOLLGATE_WEBHOOK_BYTES",
            default=32 << 20,
            at_least=4 << 20,
            doc="bytes of webhooks being stored at once, the rest is refused",
        ),
    )


def _stripe(env: Env, *, on: bool) -> StripeSettings | None:
    """Read Stripe's settings, also while it is off: the help text names all there are."""
    key = env.secret(
        "STRIPE_SECRET_KEY", default=None if on else "", doc="secret or restricted key"
    )
    source = env.text(
        "STRIPE_SECRET_KEY_FILE", default="", doc="file of the key, read again when it changes"
    )
    shared = _secrets(
        env.secret("STRIPE_WEBHOOK_SECRET", default="", doc="signing secrets, by commas")
    )
    own = {
        path: env.secret(name, default="", doc=f"for {path} only; {OFF} turns it off")
        for path, name in PATHS.items()
    }
    api_base = env.url(
        "STRIPE_API_BASE", default="https://api.stripe.com", doc="where the API answers"
    )
    if not on:
        return None
    try:
        is_live(key or "sk_test_missing")
    except ValueError as error:
        env.problem("STRIPE_SECRET_KEY", str(error))
    secrets = {path: _secrets(value) if value else shared for path, value in own.items()}
    return StripeSettings(key, secrets, api_base.rstrip("/"), _source_of(key, source))


def _source_of(key: str, source: str) -> Path | None:
    """Return the file that the key was read from, None if it was given itself."""
    if not source:
        return None
    try:
        content = Path(source).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Path(source) if content == key else None


def _secrets(value: str) -> tuple[str, ...]:
    if value == OFF:
        return ()
    return tuple(secret.strip() for secret in value.split(",") if secret.strip())


def _keys(env: Env, *, on: bool) -> tuple[bytes, ...]:
    name = "TOLLGATE_ENCRYPTION_KEYS"
    doc = "base64 keys of 32 bytes, by commas; the first one seals"
    value = env.secret(name, default=None if on else "", doc=doc)
    try:
        keys = tuple(_key(text.strip()) for text in value.split(",") if text.strip())
    except ValueError:
        keys = ()
    if value and not keys:
        env.problem(name, f"expected base64 keys of {KEY_BYTES} bytes, separated by commas")
    return keys


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError("wrong length")
    return key
