"""What each plan of `later` does when its time has come."""

from deploy.sandbox.stripe import authorizations, charging, later
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.resources import disputes, refunds
from deploy.sandbox.stripe.shapes import JsonObject

ACTIONS: dict[str, later.Action] = {
    charging.EXPIRE: authorizations.expire,
    disputes.DECIDE: disputes.decide,
    disputes.OVERDUE: disputes.overdue,
    refunds.SETTLE: refunds.settle,
}


def run(context: Context, planned: JsonObject) -> None:
    """Do what was planned, once."""
    action, subject = later.take(context, planned)
    ACTIONS[action](context, subject)
