"""What subscription does: one function a verb."""

from services.subscription.usecases.accounts import (
    create_account,
    get_account,
    list_accounts,
)
from services.subscription.usecases.epochs import raise_epoch, resend_behind
from services.subscription.usecases.facts import (
    Envelope,
    keep_unknown,
    retake_unknown,
    take_checkout,
    take_invoice,
    take_observation,
    take_payment_failure,
    take_provider_subscription,
)
from services.subscription.usecases.prices import retry_unknown_prices
from services.subscription.usecases.reads import (
    get_capacity_order,
    list_parked_facts,
    list_purchases,
    list_subscriptions,
)
from services.subscription.usecases.retention import Sweep, sweep_retention

__all__ = [
    "Envelope",
    "Sweep",
    "create_account",
    "get_account",
    "get_capacity_order",
    "keep_unknown",
    "list_accounts",
    "list_parked_facts",
    "list_purchases",
    "list_subscriptions",
    "raise_epoch",
    "resend_behind",
    "retake_unknown",
    "retry_unknown_prices",
    "sweep_retention",
    "take_checkout",
    "take_invoice",
    "take_observation",
    "take_payment_failure",
    "take_provider_subscription",
]
