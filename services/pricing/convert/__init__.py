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
    to_proto_deployment,
    to_proto_offer,
    written_price,
)
from services.pricing.convert.objects import (
    from_proto_object,
    to_proto_bound,
    to_proto_claims,
    to_proto_key,
)
from services.pricing.convert.quotes import (
    decode_quote,
    encode_quote,
    from_proto_quote_request,
    to_proto_quote,
    to_proto_state,
)
from services.pricing.convert.sessions import to_proto_margin, to_proto_session_cost
from services.pricing.convert.source_list import to_proto_source
from services.pricing.convert.tiers import from_proto_tier_request, to_proto_account_tier
from services.pricing.convert.versions import to_proto_outcome

__all__ = [
    "decode_quote",
    "encode_quote",
    "from_proto_addons",
    "from_proto_comparison",
    "from_proto_deployment",
    "from_proto_object",
    "from_proto_quote_request",
    "from_proto_tier_request",
    "to_proto_account_tier",
    "to_proto_addon",
    "to_proto_bound",
    "to_proto_capacity",
    "to_proto_catalog",
    "to_proto_claims",
    "to_proto_cost",
    "to_proto_deployment",
    "to_proto_expansion",
    "to_proto_key",
    "to_proto_margin",
    "to_proto_offer",
    "to_proto_outcome",
    "to_proto_plan",
    "to_proto_quote",
    "to_proto_resolved",
    "to_proto_session_cost",
    "to_proto_source",
    "to_proto_state",
    "written_price",
]
