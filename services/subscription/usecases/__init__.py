"""What subscription does: one function a verb."""

from services.subscription.usecases.accounts import (
    create_account,
    get_account,
    list_accounts,
)
from services.subscription.usecases.appraising import PricesInForce
from services.subscription.usecases.assigning import (
    assign_plan,
    end_assignment,
    give_plan,
    take_back,
)
from services.subscription.usecases.buying import (
    create_portal_session,
    create_subscription,
    verify_checkout,
)
from services.subscription.usecases.changing import cancel_subscription, update_subscription
from services.subscription.usecases.desk import Desk
from services.subscription.usecases.epochs import raise_epoch, resend_behind
from services.subscription.usecases.facts import (
    Envelope,
    PurchaseFact,
    keep_unknown,
    take_observation,
    take_payment_failure,
    take_purchase,
)
from services.subscription.usecases.freshness import News
from services.subscription.usecases.months import renew_assigned
from services.subscription.usecases.notices import take_budget_notice
from services.subscription.usecases.prices import retry_unknown_prices
from services.subscription.usecases.quoting import retry_unknown_quotes
from services.subscription.usecases.reads import (
    get_capacity_order,
    list_parked_facts,
    list_purchases,
    list_subscriptions,
)
from services.subscription.usecases.refunds import (
    Decisions,
    decide_refunds,
    give_refunds,
    refunds_ahead,
)
from services.subscription.usecases.retention import Sweep, sweep_retention
from services.subscription.usecases.reversals import take_reversal
from services.subscription.usecases.spending import release_expired
from services.subscription.usecases.validating import Entitlements

__all__ = [
    "Decisions",
    "Desk",
    "Entitlements",
    "Envelope",
    "News",
    "PricesInForce",
    "PurchaseFact",
    "Sweep",
    "assign_plan",
    "cancel_subscription",
    "create_account",
    "create_portal_session",
    "create_subscription",
    "decide_refunds",
    "end_assignment",
    "get_account",
    "get_capacity_order",
    "give_plan",
    "give_refunds",
    "keep_unknown",
    "list_accounts",
    "list_parked_facts",
    "list_purchases",
    "list_subscriptions",
    "raise_epoch",
    "refunds_ahead",
    "release_expired",
    "renew_assigned",
    "resend_behind",
    "retry_unknown_prices",
    "retry_unknown_quotes",
    "sweep_retention",
    "take_back",
    "take_budget_notice",
    "take_observation",
    "take_payment_failure",
    "take_purchase",
    "take_reversal",
    "update_subscription",
    "verify_checkout",
]
