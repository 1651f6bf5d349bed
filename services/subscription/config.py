"""Subscription's settings."""

from dataclasses import dataclass

from services.chassis.config import (
    POSTGRES_EXPECTED,
    ChassisConfig,
    Env,
    Secret,
    read_chassis,
    read_target,
)
from services.subscription.usecases.sight import CLAIMS, SUBJECT_CLAIM


@dataclass(frozen=True, slots=True)
class SubscriptionConfig:
    """``user_claim`` is the claim that names a person's own account, and in the cluster its owner.

    Times are in seconds: how often due retention times and refunds are looked for, and unknown
    prices asked for again; ``refund_delay`` is how long a purchase stands refused before its money
    is given back.
    """

    chassis: ChassisConfig
    pricing_target: str
    payments_target: str
    provisioner_target: str
    user_claim: str
    retention_poll: float
    price_retry: float
    refund_poll: float
    refund_delay: float


def read_config(env: Env) -> SubscriptionConfig:
    """Read the settings."""
    return SubscriptionConfig(
        chassis=read_chassis(env, "subscription"),
        pricing_target=read_target(env, "pricing"),
        payments_target=read_target(env, "payments"),
        provisioner_target=read_target(env, "provisioner"),
        user_claim=env.choice(
            "TOLLGATE_KUBE_USER_CLAIM",
            CLAIMS,
            default=SUBJECT_CLAIM,
            doc="claim that names a person's own account and, in the cluster, its owner",
        ),
        retention_poll=env.seconds(
            "TOLLGATE_RETENTION_POLL_SECONDS", default=2.0, doc="how often due times are looked for"
        ),
        price_retry=env.seconds(
            "TOLLGATE_PRICE_RETRY_SECONDS", default=60.0, doc="how often unknown prices are asked"
        ),
        refund_poll=env.seconds(
            "TOLLGATE_REFUND_POLL_SECONDS", default=10.0, doc="how often due refunds are looked for"
        ),
        refund_delay=env.seconds(
            "TOLLGATE_REFUND_DELAY_SECONDS",
            default=60.0,
            doc="how long a refused purchase stands before its money is given back",
        ),
    )


def read_database(env: Env) -> Secret:
    """Read the only setting that an operator's command needs."""
    return env.secret_url(
        "DATABASE_URL",
        schemes=("postgresql", "postgres"),
        expected=POSTGRES_EXPECTED,
        doc="service's role",
    )
