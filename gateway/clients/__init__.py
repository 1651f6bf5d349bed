"""The services over gRPC, behind the gateway's ports. Nothing is cached here."""

from gateway.clients.costs import GrpcCosts
from gateway.clients.payments import GrpcPayments
from gateway.clients.pricing import GrpcPricing
from gateway.clients.provisioner import GrpcProvisioner
from gateway.clients.subscription import GrpcSubscription

__all__ = ["GrpcCosts", "GrpcPayments", "GrpcPricing", "GrpcProvisioner", "GrpcSubscription"]
