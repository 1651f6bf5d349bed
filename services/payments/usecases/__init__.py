"""What operators and callers ask of payments: one public function for each verb."""

from services.payments.usecases.commerce import (
    change_subscription,
    create_checkout,
    create_portal_session,
    end_subscription,
    get_checkout,
    refund_checkout,
    refund_subscription,
)
from services.payments.usecases.events import (
    BODIES_KEPT,
    PURGE_BATCH,
    drop_old_bodies,
    get_provider,
    list_events,
    replay_event,
)
from services.payments.usecases.refreshing import refresh_subscription

__all__ = [
    "BODIES_KEPT",
    "PURGE_BATCH",
    "change_subscription",
    "create_checkout",
    "create_portal_session",
    "drop_old_bodies",
    "end_subscription",
    "get_checkout",
    "get_provider",
    "list_events",
    "refresh_subscription",
    "refund_checkout",
    "refund_subscription",
    "replay_event",
]
