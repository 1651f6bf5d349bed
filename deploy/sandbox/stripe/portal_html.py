"""The HTML of the billing portal: one form for each thing that may be done."""

from dataclasses import dataclass
from html import escape

from deploy.sandbox.stripe import pages
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.shapes import JsonObject


@dataclass(frozen=True, slots=True)
class View:
    """What the portal shows. `card`: the saved card in words."""

    session: JsonObject
    customer: JsonObject
    features: JsonObject
    subscriptions: list[JsonObject]
    invoices: list[JsonObject]
    card: str

    def may(self, feature: str) -> bool:
        """Whether a feature is on, and the session is not for another one only."""
        flow = self.session["flow"]
        named = flow["type"].removesuffix("_confirm") if flow else feature
        return bool(self.features[feature]["enabled"]) and named == feature


def portal(view: View, problem: str) -> str:
    """The whole page."""
    rows = "".join(_subscription(view, at) for at in view.subscriptions)
    parts = [pages.alert(problem), rows, _confirm(view), _card(view), _details(view)]
    if view.may("invoice_history"):
        parts.append(_invoices(view.invoices))
    if view.session["return_url"]:
        parts.append(pages.link(view.session["return_url"], "Return"))
    return pages.page("Manage your subscription", "".join(parts))


def _form(action: str, button: str, inner: str = "") -> str:
    return (
        f'<form method="post">{inner}'
        f'<button name="action" value="{action}">{escape(button)}</button></form>'
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def _subscription(view: View, subscription: JsonObject) -> str:
    named = _hidden("subscription", subscription["id"])
    prices = ", ".join(at["price"]["id"] for at in subscription["items"]["data"])
    ending = subscription["cancel_at_period_end"]
    state = f"{subscription['status']}{', ends with its period' if ending else ''}"
    text = f"<h2>{escape(prices)}</h2><p>{escape(state)}</p>"
    if view.may("subscription_cancel"):
        text += (
            _form("keep", "Keep subscription", named)
            if ending
            else _form("cancel", "Cancel subscription", named + _reasons(view))
        )
    flow = view.session["flow"]
    if view.may("subscription_update") and not (flow and flow["subscription_update_confirm"]):
        text += _form("change", "Change plan", named + _plans(view))
    return text


def _reasons(view: View) -> str:
    asked = view.features["subscription_cancel"]["cancellation_reason"]
    if not asked["enabled"]:
        return ""
    return _select("feedback", "Why?", asked["options"]) + pages.text_field(
        "comment", "Anything else?", ""
    )


def _plans(view: View) -> str:
    products = view.features["subscription_update"]["products"] or []
    return _select("price", "Plan", [price for at in products for price in at["prices"]])


def _select(name: str, label: str, options: list[str]) -> str:
    choices = "".join(f"<option>{escape(option)}</option>" for option in options)
    return f'<label>{escape(label)}<select name="{name}">{choices}</select></label>'


def _confirm(view: View) -> str:
    flow = view.session["flow"]
    if not flow or not flow["subscription_update_confirm"]:
        return ""
    items = flow["subscription_update_confirm"]["items"]
    wanted = "".join(
        f"<li>{escape(str(at['price'] or 'same price'))} × {at['quantity'] or 1}</li>"
        for at in items
    )
    return f"<ul>{wanted}</ul>" + _form("confirm", "Confirm the change")


def _card(view: View) -> str:
    if not view.may("payment_method_update"):
        return ""
    fields = pages.card_fields()
    return f"<h2>Card</h2><p>{escape(view.card)}</p>" + _form("card", "Use this card", fields)


def _details(view: View) -> str:
    if not view.may("customer_update"):
        return ""
    fields = "".join(
        pages.text_field(name, label, view.customer[name] or "")
        for name, label in (("email", "E-mail"), ("name", "Name"))
        if name in view.features["customer_update"]["allowed_updates"]
    )
    return "<h2>Details</h2>" + _form("details", "Save", fields)


def _invoices(invoices: list[JsonObject]) -> str:
    rows = "".join(
        f'<li><a href="{escape(at["hosted_invoice_url"])}">{escape(at["number"])}</a>: '
        f"{escape(shown(at['total'], at['currency']))}, {escape(at['status'])}</li>"
        for at in invoices
        if at["number"]
    )
    return f"<h2>Invoices</h2><ul>{rows}</ul>"
