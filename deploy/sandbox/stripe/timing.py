"""The time of a call: that of the customer whom it is about, who may hang on a test clock."""

from deploy.sandbox.stripe import clock
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.ids import PREFIXES
from deploy.sandbox.stripe.shapes import JsonObject

KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}
# Parameters that name somebody, or something that belongs to somebody, the closest first.
NAMING = (
    "customer",
    "subscription",
    "invoice",
    "payment_intent",
    "setup_intent",
    "charge",
    "payment_method",
)


def on_clock_of(context: Context, customer: JsonObject | str | None) -> Context:
    """The unit of work at the time of a customer."""
    return context.at(clock.now_for(context, customer))


def of_call(
    context: Context, values: JsonObject, url_ids: dict[str, str], *, changes: bool
) -> Context:
    """The context of a call at the time of its subject; a clock that moves refuses changes."""
    found = _clock(context, values, url_ids)
    if found is None:
        return context
    if changes and found["status"] == "advancing":
        raise _underway(found["id"])
    return context.at(found["frozen_time"])


def _clock(context: Context, values: JsonObject, url_ids: dict[str, str]) -> JsonObject | None:
    if isinstance(values.get("test_clock"), str):
        return context.tx.get(clock.TEST_CLOCK, values["test_clock"])
    named = [*url_ids.values(), *(values.get(name) for name in NAMING)]
    for name in named:
        if isinstance(name, str):
            owner = _owner(context, name)
            if owner is not None:
                return clock.of_customer(context, owner)
    return None


def _owner(context: Context, name: str) -> str | None:
    """The id of the customer that an object belongs to."""
    kind = KINDS.get(name.rpartition("_")[0])
    if kind == "customer":
        return name
    if kind == "subscription_item":
        return _owner_of_item(context, name)
    found = context.tx.get(kind, name) if kind else None
    return found.get("customer") if found else None


def _owner_of_item(context: Context, name: str) -> str | None:
    for subscription in context.tx.newest("subscription"):
        if any(item["id"] == name for item in subscription["items"]["data"]):
            return str(subscription["customer"])
    return None


def _underway(name: str) -> StripeError:
    message = f"Test clock advancement underway - cannot perform modifications: {name}"
    return StripeError(429, message, code="rate_limit")
