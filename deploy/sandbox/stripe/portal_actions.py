"""What a customer does in the billing portal, and what it changes."""

from collections.abc import Callable, Mapping

from deploy.sandbox.stripe import (
    authentication,
    card_form,
    cards,
    changing,
    lifecycle,
    setting_up,
    updating,
)
from deploy.sandbox.stripe.card_form import FormProblemError
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.resources import customers, payment_methods
from deploy.sandbox.stripe.resources.portal_sessions import LINK
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

Form = Mapping[str, str]
NOT_ALLOWED = "This is not possible here."


def _allowed(features: JsonObject, name: str) -> JsonObject:
    feature: JsonObject = features[name]
    if not feature["enabled"]:
        raise FormProblemError(NOT_ALLOWED)
    return feature


def running(context: Context, customer: str) -> list[JsonObject]:
    """A customer's subscriptions that have not ended, newest first; copies."""
    found = context.tx.where("subscription", "customer", customer)
    return [copy_of(at) for at in found if at["status"] not in lifecycle.ENDED]


def _subscription(context: Context, session: JsonObject, form: Form) -> JsonObject:
    for found in running(context, session["customer"]):
        if found["id"] == form.get("subscription"):
            return found
    raise FormProblemError("There is no such subscription.")


def cancel(context: Context, session: JsonObject, features: JsonObject, form: Form) -> None:
    """End a subscription now or with its period, as the configuration says."""
    feature = _allowed(features, "subscription_cancel")
    subscription = _subscription(context, session, form)
    details = _reason(feature, form)
    if feature["mode"] == "at_period_end":
        values = {"cancel_at_period_end": True, "cancellation_details": details}
        updating.update(context, subscription, values)
        return
    if feature["proration_behavior"] != "none" and subscription["status"] in changing.BILLED:
        changing.credit_all(context, subscription, context.now)
    lifecycle.end(context, subscription, details)


def _reason(feature: JsonObject, form: Form) -> JsonObject:
    asked = feature["cancellation_reason"]
    given = form.get("feedback", "")
    if not asked["enabled"] or not given:
        return {}
    if given not in asked["options"]:
        raise FormProblemError("Please choose one of the reasons.")
    return {"comment": form.get("comment") or None, "feedback": given}


def keep(context: Context, session: JsonObject, features: JsonObject, form: Form) -> None:
    """Call off a cancellation at the period's end."""
    _allowed(features, "subscription_cancel")
    subscription = _subscription(context, session, form)
    updating.update(context, subscription, {"cancel_at_period_end": False})


def change(context: Context, session: JsonObject, features: JsonObject, form: Form) -> None:
    """Move the one item of a subscription to another price of the configuration."""
    feature = _allowed(features, "subscription_update")
    subscription = _subscription(context, session, form)
    prices = {price for product in feature["products"] for price in product["prices"]}
    if "price" not in feature["default_allowed_updates"] or form.get("price") not in prices:
        raise FormProblemError("Please choose one of the plans.")
    item = {"id": subscription["items"]["data"][0]["id"], "price": form["price"]}
    proration = feature["proration_behavior"]
    updating.update(context, subscription, {"items": [item], "proration_behavior": proration})


def confirm(context: Context, session: JsonObject, features: JsonObject, form: Form) -> None:
    """Make the change that the session was made for."""
    feature = _allowed(features, "subscription_update")
    about = (session["flow"] or {}).get("subscription_update_confirm")
    if about is None:
        raise FormProblemError(NOT_ALLOWED)
    subscription = _subscription(context, session, {"subscription": about["subscription"]})
    items = [
        {name: value for name, value in item.items() if value is not None}
        for item in about["items"]
    ]
    proration = feature["proration_behavior"]
    updating.update(context, subscription, {"items": items, "proration_behavior": proration})


def details(context: Context, session: JsonObject, features: JsonObject, form: Form) -> None:
    """Change the e-mail address and the name."""
    feature = _allowed(features, "customer_update")
    customer = context.tx.need("customer", session["customer"], "customer")
    before = dict(customer)
    for name in ("email", "name"):
        if name in feature["allowed_updates"] and form.get(name):
            customer[name] = form[name].strip()
    if customer["email"] and "@" not in customer["email"].strip("@"):
        raise FormProblemError("Please enter your e-mail address.")
    customers.save_changed(context, before, customer)


Action = Callable[[Context, JsonObject, JsonObject, Form], None]
ACTIONS: dict[str, Action] = {
    "cancel": cancel,
    "change": change,
    "confirm": confirm,
    "details": details,
    "keep": keep,
}


def save_card(
    context: Context, link: JsonObject, session: JsonObject, features: JsonObject, form: Form
) -> str | None:
    """Save a card as the one to charge from now on; where its owner is to be asked, if so."""
    _allowed(features, "payment_method_update")
    card, month, year = card_form.read(form, context.now)
    method = payment_methods.make(context, card, exp_month=month, exp_year=year)
    intent = setting_up.make(context, {"customer": session["customer"]})
    if authentication.needed(context, card, method, off_session=False):
        intent["payment_method"] = method["id"]
        authentication.ask(context, intent, session["url"])
        context.tx.save(LINK, {**link, "saving": intent["id"]})
        return authentication.page_url(context, intent)
    decline = setting_up.save(context, intent, method, card)
    if decline is not None:
        raise FormProblemError(card_form.declined(decline))
    _use(context, session["customer"], method["id"])
    return None


def take_saved(context: Context, link: JsonObject, session: JsonObject) -> None:
    """Use a card from now on whose owner has agreed elsewhere meanwhile."""
    intent = context.tx.get(setting_up.KIND, link["saving"]) if link["saving"] else None
    if intent is not None and intent["status"] == "succeeded":
        _use(context, session["customer"], intent["payment_method"])
        context.tx.save(LINK, {**link, "saving": None})


def _use(context: Context, customer_id: str, method_id: str) -> None:
    """Make a card the one that the customer and its subscriptions are charged to."""
    customer = context.tx.need("customer", customer_id, "customer")
    before = copy_of(customer)
    customer["invoice_settings"]["default_payment_method"] = method_id
    customers.save_changed(context, before, customer)
    for subscription in running(context, customer_id):
        if subscription["default_payment_method"] is not None:
            kept = copy_of(subscription)
            subscription["default_payment_method"] = method_id
            lifecycle.keep_changed(context, kept, subscription)


def card_of(context: Context, customer: JsonObject) -> str:
    """The saved card in words."""
    name = customer["invoice_settings"]["default_payment_method"]
    if name is None:
        used = [at["default_payment_method"] for at in running(context, customer["id"])]
        name = next((at for at in used if at), None)
    method = context.tx.get("payment_method", name) if name else None
    if method is None:
        return "No card is saved."
    return f"{method['card']['brand']} ending in {cards.of_method(method).last4}"
