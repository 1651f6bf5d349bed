"""Between the contracts and the domain: facts that come, facts that go, requests and answers."""

from services.subscription.convert.assigning import from_assign_request, from_end_request
from services.subscription.convert.facts import (
    KNOWN_TYPES,
    Incoming,
    from_record,
    source_of,
    to_record,
)
from services.subscription.convert.purchasing import (
    from_buy_request,
    from_cancel_request,
    from_update_request,
    from_validate_request,
    to_proto_purchasing,
    to_proto_validation,
    to_proto_verified,
)
from services.subscription.convert.requests import (
    from_account_request,
    from_customer,
    from_purchase_status,
    from_whose,
)
from services.subscription.convert.resources import (
    to_proto_account,
    to_proto_order,
    to_proto_parked,
    to_proto_purchase,
    to_proto_subscription,
)

__all__ = [
    "KNOWN_TYPES",
    "Incoming",
    "from_account_request",
    "from_assign_request",
    "from_buy_request",
    "from_cancel_request",
    "from_customer",
    "from_end_request",
    "from_purchase_status",
    "from_record",
    "from_update_request",
    "from_validate_request",
    "from_whose",
    "source_of",
    "to_proto_account",
    "to_proto_order",
    "to_proto_parked",
    "to_proto_purchase",
    "to_proto_purchasing",
    "to_proto_subscription",
    "to_proto_validation",
    "to_proto_verified",
    "to_record",
]
