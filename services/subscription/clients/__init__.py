"""Other services behind ports. Nothing is cached here."""

from services.subscription.clients.payments import GrpcPayments
from services.subscription.clients.pricing import GrpcPricing
from services.subscription.clients.provisioner import GrpcProvisioner

__all__ = ["GrpcPayments", "GrpcPricing", "GrpcProvisioner"]
