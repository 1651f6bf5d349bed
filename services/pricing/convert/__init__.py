"""Between the contract's messages and pricing's domain."""

from services.pricing.convert.catalogs import (
    from_proto_addons,
    to_proto_addon,
    to_proto_capacity,
    to_proto_catalog,
    to_proto_expansion,
    to_proto_plan,
    to_proto_resolved,
)
from services.pricing.convert.costs import (
    from_proto_comparison,
    from_proto_deployment,
    to_proto_cost,
    to_proto_offer,
)
from services.pricing.convert.quotes import (
    decode_quote,
    encode_quote,
    from_proto_quote_request,
    to_proto_quote,
)
from services.pricing.convert.tiers import from_proto_tier_request, to_proto_account_tier

__all__ = [
    "decode_quote",
    "encode_quote",
    "from_proto_addons",
    "from_proto_comparison",
    "from_proto_deployment",
    "from_proto_quote_request",
    "from_proto_tier_request",
    "to_proto_account_tier",
    "to_proto_addon",
    "to_proto_capacity",
    "to_proto_catalog",
    "to_proto_cost",
    "to_proto_expansion",
    "to_proto_offer",
    "to_proto_plan",
    "to_proto_quote",
    "to_proto_resolved",
]
