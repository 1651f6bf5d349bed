"""Recommendations from their messages."""

from collections.abc import Mapping

from gateway.ports.recommendations import Recommendation, Sizes, SmallerPlan
from tollgate.pricing.v1 import cost_pb2

_OTHER = "other"
"""A word that only a newer version of pricing knows."""
_OUTCOMES: Mapping[int, str] = {
    cost_pb2.Recommendation.OUTCOME_SMALLER_PLAN: "smaller-plan",
    cost_pb2.Recommendation.OUTCOME_INSUFFICIENT_DATA: "insufficient-data",
    cost_pb2.Recommendation.OUTCOME_WELL_USED: "well-used",
    cost_pb2.Recommendation.OUTCOME_NO_CHEAPER_PLAN: "no-cheaper-plan",
}
_BASES: Mapping[int, str] = {
    cost_pb2.Recommendation.BASIS_PLAN_PRICE: "plan-price",
    cost_pb2.Recommendation.BASIS_RATE_CARD: "rate-card",
}
_LEFT_OUT: Mapping[int, str] = {
    cost_pb2.Recommendation.LEFT_OUT_ADDONS: "addons",
    cost_pb2.Recommendation.LEFT_OUT_TERMS: "terms",
    cost_pb2.Recommendation.LEFT_OUT_VOLUME_DISCOUNTS: "volume-discounts",
}


def recommendation(message: cost_pb2.Recommendation) -> Recommendation:
    """Read what is said of one tenant."""
    return Recommendation(
        tenant=message.tenant,
        account=message.account,
        user=message.user,
        organization=message.organization,
        plan=message.plan,
        outcome=_OUTCOMES.get(message.outcome, _OTHER),
        hours=message.hours,
        paid=_sizes(message.paid),
        used=_sizes(message.used) if message.HasField("used") else None,
        smaller=_smaller(message) if message.smaller_plan else None,
    )


def _smaller(message: cost_pb2.Recommendation) -> SmallerPlan:
    return SmallerPlan(
        plan=message.smaller_plan,
        sizes=_sizes(message.smaller),
        basis=_BASES.get(message.basis, _OTHER),
        monthly_saving=message.monthly_saving,
        currency=message.currency,
        left_out=tuple(_LEFT_OUT.get(one, _OTHER) for one in message.left_out),
    )


def _sizes(message: cost_pb2.ResourceSizes) -> Sizes:
    return Sizes(message.cpu, message.memory, message.storage)
