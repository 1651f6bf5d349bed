"""Between the contracts and the domain: facts that come, facts that go, requests and answers."""

from services.subscription.convert.facts import KNOWN_TYPES, from_record, source_of, to_record
from services.subscription.convert.requests import (
    from_account_request,
    from_customer,
    from_purchase_status,
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
    "from_account_request",
    "from_customer",
    "from_purchase_status",
    "from_record",
    "source_of",
    "to_proto_account",
    "to_proto_order",
    "to_proto_parked",
    "to_proto_purchase",
    "to_proto_subscription",
    "to_record",
]
