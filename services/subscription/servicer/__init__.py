"""What subscription serves: its RPCs, the credits', and the intake of facts."""

from services.subscription.servicer.credits import CREDITS, CreditServicer
from services.subscription.servicer.intake import Alerting, FactIntake
from services.subscription.servicer.subscriptions import SERVICE, SubscriptionServicer

__all__ = [
    "CREDITS",
    "SERVICE",
    "Alerting",
    "CreditServicer",
    "FactIntake",
    "SubscriptionServicer",
]
