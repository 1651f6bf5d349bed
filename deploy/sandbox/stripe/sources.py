"""What falls due: by kind of object, when, and what is then done."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.sandbox.stripe import collection, later, renewing, settlements
from deploy.sandbox.stripe.clock import TEST_CLOCK
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.resources import checkout_sessions, test_clocks
from deploy.sandbox.stripe.shapes import JsonObject


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of object that time does something to.

    `due`: when, in seconds, None for never; it reads the object and does not change it. `run`
    does it, at that time, and leaves the object due later or never. `of_customers`: whether such
    objects have a `customer`, and with it perhaps a test clock.
    """

    kind: str
    due: Callable[[Context, JsonObject], int | None]
    run: Callable[[Context, JsonObject], object]
    of_customers: bool = True


def _session_due(context: Context, session: JsonObject) -> int | None:
    return int(session["expires_at"]) if session["status"] == "open" else None


def _clock_due(context: Context, clock: JsonObject) -> int | None:
    return int(clock["deletes_after"])


# At one and the same time, the earlier in this list comes first.
SOURCES = (
    Source("invoice", collection.due, collection.run),
    Source("subscription", renewing.due, renewing.run),
    Source(checkout_sessions.KIND, _session_due, checkout_sessions.close),
    Source(later.KIND, later.due, settlements.run),
    Source(TEST_CLOCK, _clock_due, test_clocks.remove, of_customers=False),
)
