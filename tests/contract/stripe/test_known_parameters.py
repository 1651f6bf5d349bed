"""Every parameter that the sandbox takes is one that the official library can send."""

import re

import pytest
import stripe

from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.app import ROUTES

NAMESPACES = ("billing_portal", "checkout", "radar", "test_helpers")
SINGULAR = {
    "balance": "Balance",
    "coupons": "Coupon",
    "disputes": "Dispute",
    "invoiceitems": "InvoiceItem",
    "invoices": "Invoice",
    "prices": "Price",
}
ACTIONS = {
    ("POST", False): "Create",
    ("GET", False): "List",
    ("POST", True): "Update",
    ("GET", True): "Retrieve",
    ("DELETE", True): "Delete",
}
# Where the library's name for a call is its own.
NAMES = {
    "GET /v1/account": "AccountRetrieveCurrentParams",
    "GET /v1/balance": "BalanceRetrieveParams",
    "DELETE /v1/subscriptions/{id}": "SubscriptionCancelParams",
    "DELETE /v1/subscriptions/{id}/discount": "SubscriptionDeleteDiscountParams",
    "POST /v1/invoices/create_preview": "InvoiceCreatePreviewParams",
    "POST /v1/invoices/{id}/finalize": "InvoiceFinalizeInvoiceParams",
    "POST /v1/invoices/{id}/void": "InvoiceVoidInvoiceParams",
    "GET /v1/invoices/{id}/lines": "InvoiceLineItemListParams",
    "GET /v1/checkout/sessions/{id}/line_items": "SessionLineItemListParams",
    "GET /v1/customers/{customer}/payment_methods": "CustomerPaymentMethodListParams",
    "GET /v1/customers/{customer}/payment_methods/{id}": "CustomerPaymentMethodRetrieveParams",
}


def _name(route: Route) -> str:
    """What the library calls the parameters of a call, e.g. `PaymentIntentCaptureParams`."""
    known = NAMES.get(f"{route.method} {route.path}")
    if known is not None:
        return known
    parts = [part for part in route.path.split("/")[2:] if part not in NAMESPACES]
    resource = SINGULAR.get(parts[0]) or _camel(parts[0].removesuffix("s"))
    if len(parts) == 3:
        return f"{resource}{_camel(parts[2])}Params"
    return f"{resource}{ACTIONS[route.method, len(parts) == 2]}Params"


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))


def _params(route: Route) -> type:
    space = next((at for at in NAMESPACES if f"/{at}/" in route.path), None)
    module = getattr(stripe.params, space) if space else stripe.params
    found: type = getattr(module, _name(route))
    return found


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_library_can_send_every_parameter_of(route: Route) -> None:
    known = _params(route).__annotations__.keys()
    strange = route.fields.keys() - known - set(re.findall(r"{(\w+)}", route.path))
    assert strange == set()
