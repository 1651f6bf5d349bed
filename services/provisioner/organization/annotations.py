"""What an Organization's annotations say of its subscription, for everybody who reads them there.

Ids are the dialect's short ones: ``pro-pool``, not ``kube-dc/pro-pool``. Of the keys here, one
that is not wanted must not stand: a suspension that is over leaves no ``suspended-at``.
"""

import json
from datetime import UTC, datetime

from services.provisioner import naming
from services.provisioner.domain import (
    Order,
    OrderedPhase,
    OrganizationCapacity,
    Subscribed,
    SubscriptionState,
)

PREFIX = "billing.kube-dc.com/"
AUTO_MANAGED = f"{PREFIX}auto-managed"
PLAN_ID = f"{PREFIX}plan-id"
PLAN_NAME = f"{PREFIX}plan-name"
SUBSCRIPTION = f"{PREFIX}subscription"
ADDONS = f"{PREFIX}addons"
SUSPENDED_AT = f"{PREFIX}suspended-at"
SUBSCRIBED_AT = f"{PREFIX}subscribed-at"
IS_TRIAL = f"{PREFIX}is-trial"
TRIAL_END = f"{PREFIX}trial-end-date"
STRIPE_SUBSCRIPTION = f"{PREFIX}stripe-subscription-id"
STRIPE_CUSTOMER = f"{PREFIX}stripe-customer-id"
PROVIDER_SUBSCRIPTION = f"{PREFIX}provider-subscription-id"
PROVIDER_CUSTOMER = f"{PREFIX}provider-customer-id"
PRE_SUSPEND = f"{PREFIX}pre-suspend-replicas"
"""Of a workload: how many replicas it had before it was put to rest."""

KEYS = (
    PLAN_ID,
    PLAN_NAME,
    SUBSCRIPTION,
    ADDONS,
    SUSPENDED_AT,
    SUBSCRIBED_AT,
    IS_TRIAL,
    TRIAL_END,
    STRIPE_SUBSCRIPTION,
    STRIPE_CUSTOMER,
    PROVIDER_SUBSCRIPTION,
    PROVIDER_CUSTOMER,
)

_STRIPE = "stripe"
CANCELED = "canceled"
_SUSPENDED = "suspended"
_ACTIVE = "active"
_WORDS = {
    SubscriptionState.INCOMPLETE: "",
    SubscriptionState.TRIALING: "trialing",
    SubscriptionState.ACTIVE: _ACTIVE,
    SubscriptionState.PAST_DUE: "past_due",
    SubscriptionState.SUSPENDED: _SUSPENDED,
    SubscriptionState.PAUSED: _SUSPENDED,
    SubscriptionState.CANCELING: "canceling",
    SubscriptionState.CANCELED: CANCELED,
    SubscriptionState.EXPIRED: CANCELED,
}
_OUT_OF_USE = (_SUSPENDED, CANCELED)


def short(name: str) -> str:
    """Return the id without its catalog."""
    return name.rpartition("/")[2]


def wanted(order: Order) -> dict[str, str]:
    """Return the annotations that should stand for this order."""
    if not isinstance(order.capacity, OrganizationCapacity):
        return {}
    word = word_of(order)
    over = word == CANCELED
    told = order.subscription
    found = {SUBSCRIPTION: word}
    if not over:
        found |= {PLAN_ID: short(order.plan), PLAN_NAME: _plan_name(order)}
    if told is not None:
        found |= _told(told, word, over=over)
    return {key: value for key, value in found.items() if value}


def stamps(order: Order) -> dict[str, str]:
    """Return the annotations that say for whom, and by which order, the others were written."""
    return {
        naming.ANNOTATION_ACCOUNT: order.account,
        naming.ANNOTATION_EPOCH: str(order.version.epoch),
        naming.ANNOTATION_GENERATION: str(order.version.generation),
    }


def word_of(order: Order) -> str:
    """Return the word for the subscription; one that speaks against what is ordered is not said."""
    if order.phase is OrderedPhase.DELETED:
        return CANCELED
    said = "" if order.subscription is None else _WORDS[order.subscription.state]
    running = order.phase is OrderedPhase.RUNNING
    if not said or (said in _OUT_OF_USE) is running:
        return _ACTIVE if running else _SUSPENDED
    return said


def _plan_name(order: Order) -> str:
    told = order.subscription
    return (told.plan_display_name if told is not None else "") or short(order.plan)


def _told(told: Subscribed, word: str, *, over: bool) -> dict[str, str]:
    found = {
        SUSPENDED_AT: _time(told.suspend_time) if word in _OUT_OF_USE else "",
        SUBSCRIBED_AT: _time(told.begin_time),
        TRIAL_END: _time(told.trial_end_time),
        IS_TRIAL: _is_trial(told),
        ADDONS: "" if over else _addons(told),
    }
    if told.provider == _STRIPE:
        keys = (STRIPE_SUBSCRIPTION, STRIPE_CUSTOMER)
    elif over:
        # A terminated service of another provider is nobody's any more.
        return found
    else:
        keys = (PROVIDER_SUBSCRIPTION, PROVIDER_CUSTOMER)
    ids = (told.provider_subscription_id, told.provider_customer_id)
    return found | dict(zip(keys, ids, strict=True))


def _is_trial(told: Subscribed) -> str:
    if told.trial_end_time is None:
        return ""
    return "true" if told.state is SubscriptionState.TRIALING else "false"


def _addons(told: Subscribed) -> str:
    listed = [
        {"addonId": short(addon), "quantity": quantity}
        for addon, quantity in sorted(told.addons)
        if quantity > 0
    ]
    return json.dumps(listed, separators=(",", ":")) if listed else ""


def _time(time: datetime | None) -> str:
    if time is None:
        return ""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
