"""Between the contracts and payments' own words. Refuses what is not valid, naming the field."""

from services.payments.convert.commerce import (
    asked,
    from_proto_change,
    from_proto_checkout,
    from_proto_end,
    from_proto_page_names,
    from_proto_portal,
    from_proto_refresh,
    from_proto_refund,
    from_proto_subscription_refund,
    to_proto_checkout,
    to_proto_refund,
    to_proto_subscription_refund,
)
from services.payments.convert.events import (
    from_proto_page_token,
    from_proto_raw_event,
    from_proto_replay,
    from_proto_state,
    to_proto_event,
    to_proto_event_page,
    to_proto_ingest_result,
    to_proto_provider,
)
from services.payments.convert.facts import (
    DESTINATIONS,
    to_fact_record,
    to_proto_refreshed,
    to_proto_subscription,
)

__all__ = [
    "DESTINATIONS",
    "asked",
    "from_proto_change",
    "from_proto_checkout",
    "from_proto_end",
    "from_proto_page_names",
    "from_proto_page_token",
    "from_proto_portal",
    "from_proto_raw_event",
    "from_proto_refresh",
    "from_proto_refund",
    "from_proto_replay",
    "from_proto_state",
    "from_proto_subscription_refund",
    "to_fact_record",
    "to_proto_checkout",
    "to_proto_event",
    "to_proto_event_page",
    "to_proto_ingest_result",
    "to_proto_provider",
    "to_proto_refreshed",
    "to_proto_refund",
    "to_proto_subscription",
    "to_proto_subscription_refund",
]
