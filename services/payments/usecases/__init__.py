"""What operators and callers ask of payments: one public function for each verb."""

from services.payments.usecases.commerce import (
    change_subscription,
    create_checkout,
    create_portal_session,
    end_subscription,
    get_checkout,
    refund_checkout,
)
from services.payments.usecases.events import (
    BODIES_KEPT,
    PURGE_BATCH,
    drop_old_bodies,
    get_provider,
    list_events,
    replay_event,
)

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
    "refund_checkout",
    "replay_event",
]
