"""The gateway's settings."""

from dataclasses import dataclass

from services.chassis.config import ChassisConfig, Env, read_chassis, read_target


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """``billing_catalog`` is the catalog that document 001's short plan ids belong to."""

    chassis: ChassisConfig
    address: str
    payments: str
    pricing: str
    billing_catalog: str
    webhooks_at_once: int
    webhook_bytes: int


def read_config(env: Env) -> GatewayConfig:
    """Read the settings."""
    return GatewayConfig(
        chassis=read_chassis(env, "gateway", listeners=False, database=False),
        address=env.address("TOLLGATE_HTTP_ADDRESS", example="127.0.0.1:8080", doc="HTTP listener"),
        payments=read_target(env, "payments"),
        pricing=read_target(env, "pricing"),
        billing_catalog=env.text(
            "TOLLGATE_BILLING_CATALOG", default="kube-dc", doc="catalog of /api/billing"
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
