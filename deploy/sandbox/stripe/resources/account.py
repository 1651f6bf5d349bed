"""The account behind the key."""

from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.shapes import JsonObject, listing


def retrieve(call: Call) -> JsonObject:
    """GET /v1/account."""
    account_id = call.context.world.account.id
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {"mcc": None, "name": "Tollgate sandbox", "url": None},
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1700000000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "external_accounts": listing([], f"/v1/accounts/{account_id}/external_accounts"),
        "future_requirements": _requirements(),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _requirements(),
        "settings": {"dashboard": {"display_name": "Tollgate sandbox", "timezone": "Etc/UTC"}},
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "standard",
    }


def retrieve_by_id(call: Call) -> JsonObject:
    """GET /v1/accounts/:id, which knows the own account only."""
    if call.path["id"] != call.context.world.account.id:
        message = "The provided key does not have access to that account."
        raise StripeError(403, message, code="account_invalid")
    return retrieve(call)


def _requirements() -> JsonObject:
    lists = ("alternatives", "currently_due", "errors", "eventually_due", "past_due")
    empty: JsonObject = {name: [] for name in lists}
    return empty | {"current_deadline": None, "disabled_reason": None, "pending_verification": []}


ROUTES = (
    Route("GET", "/v1/account", retrieve, {}),
    Route("GET", "/v1/accounts/{id}", retrieve_by_id, {}),
)
