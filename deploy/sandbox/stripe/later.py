"""What happens some time after a call: a refund settles, a dispute is decided, a hold runs out.

A plan is an object of its own with its time; the scheduler runs it, on the clock of its customer.
"""

from collections.abc import Callable

from deploy.sandbox.stripe import clock
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.ids import token
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "later"
SOON = 1  # seconds until what the provider settles in minutes or days is settled here

Action = Callable[[Context, str], None]


def plan(
    context: Context, action: str, subject: str, customer: str | None, seconds: int = SOON
) -> None:
    """Run `action` for the object `subject` after so many seconds of the customer's time."""
    due = clock.now_for(context, customer) + seconds
    made = {"id": f"later_{token(16)}", "action": action, "subject": subject}
    context.tx.save(KIND, {**made, "customer": customer, "due": due})


def due(context: Context, planned: JsonObject) -> int | None:
    """When a plan falls due, in seconds since the epoch."""
    moment: int = planned["due"]
    return moment


def take(context: Context, planned: JsonObject) -> tuple[str, str]:
    """Use a plan up; answers its action and its subject."""
    context.tx.discard(KIND, planned["id"])
    return planned["action"], planned["subject"]
