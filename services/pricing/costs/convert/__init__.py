"""Between the contract's messages and the values of costs."""

from services.pricing.costs.convert.budgets import (
    decode_alert,
    decode_budget,
    encode_alert,
    encode_budget,
    from_proto_change,
    from_proto_wish,
    to_proto_alert,
    to_proto_budget,
)
from services.pricing.costs.convert.facts import (
    OBSERVED,
    decode_observation,
    encode_observation,
    from_fact,
)
from services.pricing.costs.convert.notices import (
    ALERTED,
    SUBSCRIPTION,
    decode_notice,
    notice_fact,
)
from services.pricing.costs.convert.recommendations import (
    from_proto_recommendations,
    to_proto_recommendation,
)
from services.pricing.costs.convert.reports import (
    from_proto_filter,
    from_proto_query,
    from_proto_report,
    to_proto_forecast,
    to_proto_record,
    to_proto_report,
)
from services.pricing.costs.convert.use import USED, from_use_fact

__all__ = [
    "ALERTED",
    "OBSERVED",
    "SUBSCRIPTION",
    "USED",
    "decode_alert",
    "decode_budget",
    "decode_notice",
    "decode_observation",
    "encode_alert",
    "encode_budget",
    "encode_observation",
    "from_fact",
    "from_proto_change",
    "from_proto_filter",
    "from_proto_query",
    "from_proto_recommendations",
    "from_proto_report",
    "from_proto_wish",
    "from_use_fact",
    "notice_fact",
    "to_proto_alert",
    "to_proto_budget",
    "to_proto_forecast",
    "to_proto_recommendation",
    "to_proto_record",
    "to_proto_report",
]
