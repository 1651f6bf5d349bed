"""The gateway's settings."""

from dataclasses import dataclass

from services.chassis.config import ChassisConfig, Env, read_chassis, read_target
from services.chassis.env import split_address


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """What the gateway is told.

    ``billing_catalog`` is the catalog that document 001's short plan ids belong to,
    ``scaffolder_catalog`` the one whose tiers document 000 asks for. ``console_url``, without a
    slash at its end, is where people come back to from the provider's pages; browsers may call
    from there.
    """

    chassis: ChassisConfig
    address: str
    payments: str
    pricing: str
    subscription: str
    provisioner: str
    billing_catalog: str
    scaffolder_catalog: str
    console_url: str
    catalog_public: bool
    price_calls_per_minute: int
    webhooks_at_once: int
    webhook_bytes: int


def read_config(env: Env) -> GatewayConfig:
    """Read the settings."""
    address = env.address("TOLLGATE_HTTP_ADDRESS", example="127.0.0.1:8080", doc="HTTP listener")
    return GatewayConfig(
        chassis=read_chassis(env, "gateway", listeners=False, database=False),
        address=address,
        payments=read_target(env, "payments"),
        pricing=read_target(env, "pricing"),
        subscription=read_target(env, "subscription"),
        provisioner=read_target(env, "provisioner"),
        billing_catalog=env.text(
            "TOLLGATE_BILLING_CATALOG", default="kube-dc", doc="catalog of /api/billing"
        ),
        scaffolder_catalog=env.text(
            "TOLLGATE_SCAFFOLDER_CATALOG", default="scaffolder", doc="catalog of /api/tollgate"
        ),
        console_url=_console(env, address),
        catalog_public=env.flag(
            "TOLLGATE_CATALOG_PUBLIC",
            default=False,
            doc="config, plans and add-ons of /api/billing need no token",
        ),
        price_calls_per_minute=env.number(
            "TOLLGATE_PRICE_CALLS_PER_MINUTE",
            default=120,
            at_least=1,
            at_most=1_000_000,
            doc="calls of one person to /api/tollgate, as many at once",
        ),
        webhooks_at_once=env.number(
            "TOLLGATE_WEBHOOKS_AT_ONCE", default=1024, at_least=1, doc="more are told to come again"
        ),
        webhook_bytes=env.number(
            "TOLLGATE_WEBHOOK_BYTES",
            default=64 << 20,
            at_least=1 << 20,
            doc="bytes of webhook bodies held at once",
        ),
    )


def _console(env: Env, address: str) -> str:
    """Read where people come back to: the gateway's own console unless there is another."""
    own = env.url(
        "TOLLGATE_PUBLIC_URL",
        default=_loopback(address),
        doc="where browsers reach the gateway",
    )
    return env.url(
        "CONSOLE_URL", default=own, doc="the console, the gateway's own if empty"
    ).rstrip("/")


def _loopback(address: str) -> str:
    try:
        return f"http://127.0.0.1:{split_address(address)[1]}"
    except ValueError:
        return "http://127.0.0.1:8080"  # A placeholder: the address is refused with its own words.
