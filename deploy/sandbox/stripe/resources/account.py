"""The account behind the key."""

from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.shapes import JsonObject, address, listing

NAME = "Tollgate sandbox"


def retrieve(call: Call) -> JsonObject:
    """GET /v1/account."""
    account_id = call.context.world.account.id
    return {
        "id": account_id,
        "object": "account",
        "business_profile": _profile(),
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
        "settings": _settings(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "standard",
    }


def _profile() -> JsonObject:
    unknown = (
        "estimated_worker_count",
        "mcc",
        "minority_owned_business_designation",
        "product_description",
        "support_email",
        "support_phone",
        "support_url",
        "url",
    )
    return {
        **dict.fromkeys(unknown),
        "annual_revenue": dict.fromkeys(("amount", "currency", "fiscal_year_end")),
        "name": NAME,
        "support_address": address(),
    }


def _settings() -> JsonObject:
    prefixes = ("statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji")
    descriptors = (
        "statement_descriptor",
        "statement_descriptor_kana",
        "statement_descriptor_kanji",
    )
    return {
        "bacs_debit_payments": dict.fromkeys(("display_name", "service_user_number")),
        "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            **dict.fromkeys(("statement_descriptor_prefix", *prefixes)),
        },
        "dashboard": {"display_name": NAME, "timezone": "Etc/UTC"},
        "invoices": dict.fromkeys(("default_account_tax_ids", "hosted_payment_method_save")),
        "payments": dict.fromkeys((*descriptors, *prefixes)),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
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
