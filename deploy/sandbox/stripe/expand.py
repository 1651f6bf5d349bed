"""`expand[]`: ids in an answer replaced by the objects they name, up to four levels deep."""

from collections.abc import Callable, Sequence
from typing import Any

from deploy.sandbox.stripe.clock import TEST_CLOCK
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.resources import price_details
from deploy.sandbox.stripe.shapes import JsonObject, copy_of, listing
from deploy.sandbox.stripe.state import Transaction

DEEPEST = 4
EMBEDDED_LIMIT = 10
# Object type → path of an id in it → kind of the object that it names.
REFERENCES: dict[str, dict[str, str]] = {
    "balance_transaction": {"source": "charge"},
    "billing_portal.session": {"configuration": "billing_portal.configuration"},
    "charge": {
        "balance_transaction": "balance_transaction",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "review": "review",
    },
    "checkout.session": {
        "customer": "customer",
        "invoice": "invoice",
        "payment_intent": "payment_intent",
        "setup_intent": "setup_intent",
        "subscription": "subscription",
    },
    "customer": {
        "invoice_settings.default_payment_method": "payment_method",
        "test_clock": TEST_CLOCK,
    },
    "discount": {
        "customer": "customer",
        "promotion_code": "promotion_code",
        "source.coupon": "coupon",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "invoice": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "parent.subscription_details.subscription": "subscription",
        "test_clock": TEST_CLOCK,
    },
    "invoiceitem": {"customer": "customer", "discounts": "discount", "invoice": "invoice"},
    "invoice_payment": {"invoice": "invoice", "payment.payment_intent": "payment_intent"},
    "line_item": {
        "discounts": "discount",
        "pricing.price_details.price": "price",
        "subscription": "subscription",
    },
    "payment_intent": {
        "customer": "customer",
        "latest_charge": "charge",
        "payment_method": "payment_method",
        "review": "review",
    },
    "payment_method": {"customer": "customer"},
    "price": {"product": "product"},
    "product": {"default_price": "price"},
    "promotion_code": {"customer": "customer", "promotion.coupon": "coupon"},
    "radar.early_fraud_warning": {"charge": "charge", "payment_intent": "payment_intent"},
    "refund": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "charge": "charge",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
    },
    "review": {"charge": "charge", "payment_intent": "payment_intent"},
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "subscription": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "latest_invoice": "invoice",
        "pending_setup_intent": "setup_intent",
        "test_clock": TEST_CLOCK,
    },
    "subscription_item": {"discounts": "discount"},
}
# References that the sandbox never fills: expanding null gives null.
ALWAYS_NULL = frozenset(
    {
        "application",
        "confirmation_secret",
        "default_source",
        "latest_attempt",
        "mandate",
        "on_behalf_of",
        "pending_setup_intent",
        "schedule",
        "tiers",
    }
)


def _line_items(tx: Transaction, session: JsonObject) -> JsonObject:
    order = tx.get("order", session["id"]) or {"items": []}
    return _list(order["items"], f"/v1/checkout/sessions/{session['id']}/line_items")


def _payments(tx: Transaction, invoice: JsonObject) -> JsonObject:
    found = tx.where("invoice_payment", "invoice", invoice["id"])
    return _list(found, "/v1/invoice_payments")


def _refunds(tx: Transaction, charge: JsonObject) -> JsonObject:
    found = tx.where("refund", "charge", charge["id"])
    return _list(found, f"/v1/charges/{charge['id']}/refunds")


def _subscriptions(tx: Transaction, customer: JsonObject) -> JsonObject:
    found = tx.where("subscription", "customer", customer["id"])
    running = [item for item in found if item["status"] != "canceled"]
    return _list(running, f"/v1/customers/{customer['id']}/subscriptions")


def _list(items: list[JsonObject], url: str) -> JsonObject:
    data = [copy_of(item) for item in items[:EMBEDDED_LIMIT]]
    return listing(data, url, len(items) > EMBEDDED_LIMIT)


def _confirmation_secret(tx: Transaction, invoice: JsonObject) -> JsonObject | None:
    for payment in tx.where("invoice_payment", "invoice", invoice["id"]):
        intent = tx.get("payment_intent", payment["payment"]["payment_intent"])
        if intent is not None and payment["status"] == "open":
            return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


def _tiers(tx: Transaction, price: JsonObject) -> list[JsonObject] | None:
    return price_details.tiers(tx, price)


def _currency_options(tx: Transaction, price: JsonObject) -> JsonObject:
    return price_details.options(tx, price)


# Lists that an object has, and shows only when asked to.
INCLUDED: dict[tuple[str, str], Callable[[Transaction, JsonObject], Any]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _line_items,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("invoice", "payments"): _payments,
    ("price", "currency_options"): _currency_options,
    ("price", "tiers"): _tiers,
}


def expand(tx: Transaction, answer: JsonObject, paths: Sequence[str]) -> JsonObject:
    """Expand these dotted paths in an answer, in place."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            message = (
                f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}"
            )
            raise invalid(message, "expand")
        _walk(tx, answer, answer, (), steps, path)
    return answer


def _walk(
    tx: Transaction,
    owner: JsonObject,
    node: JsonObject,
    inside: tuple[str, ...],
    steps: list[str],
    path: str,
) -> None:
    """Take one step from `node`, which lies at `inside` within the object `owner`."""
    if not steps:
        return
    step, rest = steps[0], steps[1:]
    here = (*inside, step)
    _fill(tx, owner, node, here)
    value = node.get(step)
    if value is None and _may_be_null(owner, node, here):
        return
    children: list[JsonObject] = value if isinstance(value, list) else [value or {}]
    if value is None or not all(isinstance(child, dict) for child in children):
        raise invalid(f"This property cannot be expanded ({step}).", f"expand[{path}]")
    for child in children:
        if "object" in child:
            _walk(tx, child, child, (), rest, path)
        else:
            _walk(tx, owner, child, here, rest, path)


def _fill(tx: Transaction, owner: JsonObject, node: JsonObject, here: tuple[str, ...]) -> None:
    """Put the object or list that belongs at `here` in its place, if it is not there yet."""
    kind, step = str(owner.get("object")), here[-1]
    include = INCLUDED.get((kind, step))
    if include is not None and len(here) == 1 and step not in node:
        node[step] = include(tx, owner)
    target = REFERENCES.get(kind, {}).get(".".join(here))
    if target is None:
        return
    if isinstance(node.get(step), str):
        node[step] = tx.get(target, node[step]) or node[step]
    elif isinstance(node.get(step), list):
        node[step] = [
            (tx.get(target, at) or at) if isinstance(at, str) else at for at in node[step]
        ]


def _may_be_null(owner: JsonObject, node: JsonObject, here: tuple[str, ...]) -> bool:
    references = REFERENCES.get(str(owner.get("object")), {})
    name = ".".join(here)
    leads_on = any(known == name or known.startswith(f"{name}.") for known in references)
    return here[-1] in node and (leads_on or here[-1] in ALWAYS_NULL)
