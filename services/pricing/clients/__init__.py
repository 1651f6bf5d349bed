"""Other services behind ports, and pricing itself as its command line asks it."""

from services.pricing.clients.planning import plan_version
from services.pricing.clients.subscription import GrpcHoldings

__all__ = ["GrpcHoldings", "plan_version"]
