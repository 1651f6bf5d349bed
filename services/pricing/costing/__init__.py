"""What a deployment costs: what is asked for, list prices, what comes off, one rounding. Pure."""

from services.pricing.costing.calculation import calculate
from services.pricing.costing.checking import checked, judged, place_of
from services.pricing.costing.costs import (
    Columns,
    Cost,
    Discount,
    DiscountKind,
    Part,
    PaymentSchedule,
    ResourceCost,
    Tax,
)
from services.pricing.costing.deployments import (
    Commitment,
    CommitmentRequest,
    Deployment,
    DeploymentRequest,
    Resource,
    ResourceRequest,
    size_of,
)
from services.pricing.costing.offers import (
    Comparison,
    ComparisonRequest,
    Offer,
    comparison,
    offer_at,
    ranked,
)

__all__ = [
    "Columns",
    "Commitment",
    "CommitmentRequest",
    "Comparison",
    "ComparisonRequest",
    "Cost",
    "Deployment",
    "DeploymentRequest",
    "Discount",
    "DiscountKind",
    "Offer",
    "Part",
    "PaymentSchedule",
    "Resource",
    "ResourceCost",
    "ResourceRequest",
    "Tax",
    "calculate",
    "checked",
    "comparison",
    "judged",
    "offer_at",
    "place_of",
    "ranked",
    "size_of",
]
