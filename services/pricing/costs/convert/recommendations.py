"""Recommendations as messages, and what asks for them."""

from decimal import Decimal

from services.pricing.costs.convert.reports import from_proto_filter, plain, to_places
from services.pricing.costs.ports import RecommendationQuery
from services.pricing.costs.rating import Sizes
from services.pricing.costs.recommending import Basis, LeftOut, Outcome, Recommendation
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb

_OUTCOMES = {one: cost_pb2.Recommendation.Outcome.Value(f"OUTCOME_{one}") for one in Outcome}
_LEFT_OUT = {one: cost_pb2.Recommendation.LeftOut.Value(f"LEFT_OUT_{one}") for one in LeftOut}
_BASES = {one: cost_pb2.Recommendation.Basis.Value(f"BASIS_{one}") for one in Basis}


def from_proto_recommendations(request: pb.ListRecommendationsRequest) -> RecommendationQuery:
    """Read which recommendations are asked for."""
    return RecommendationQuery(
        from_proto_filter(request.filter),
        request.only_savings,
        request.page_size,
        request.page_token,
    )


def to_proto_recommendation(found: Recommendation) -> cost_pb2.Recommendation:
    """Convert what is said of a tenant."""
    record, smaller = found.record, found.smaller
    message = cost_pb2.Recommendation(
        tenant=record.tenant,
        account=record.account,
        user=record.user,
        organization=record.organization,
        plan=record.plan,
        outcome=_OUTCOMES[found.outcome],
        paid=_sizes(found.paid),
        used=None if found.used is None else _sizes(found.used),
        hours=found.hours,
    )
    if smaller is not None:
        message.smaller_plan = smaller.plan
        message.smaller.CopyFrom(_sizes(smaller.sizes))
        message.basis = _BASES[smaller.basis]
        message.monthly_saving = plain(to_places(smaller.saving))
        message.currency = smaller.currency
        message.left_out.extend(_LEFT_OUT[one] for one in smaller.left_out)
    return message


def _sizes(sizes: Sizes) -> cost_pb2.ResourceSizes:
    return cost_pb2.ResourceSizes(
        cpu=_text(sizes.cpu), memory=_text(sizes.memory), storage=_text(sizes.storage)
    )


def _text(size: Decimal) -> str:
    return plain(size) if size else "0"
