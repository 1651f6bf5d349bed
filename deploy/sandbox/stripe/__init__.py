"""A stateful stand-in for the payment provider's API, for one machine and for tests."""

from deploy.sandbox.stripe.context import WebhookTarget
from deploy.sandbox.stripe.server import SandboxStripe
from deploy.sandbox.stripe.signing import sign

__all__ = ["SandboxStripe", "WebhookTarget", "sign"]
