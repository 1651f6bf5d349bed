"""The HTML that a payer sees: plain, labelled, without script."""

from html import escape

from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.shapes import JsonObject

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}"
    "label{display:block;margin-top:.75rem}input{font:inherit;padding:.4rem;width:100%}"
    "button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0}"
    "[role=alert]{border:2px solid #b00020;padding:.75rem;margin:1rem 0}"
)
FIELDS = (
    ("number", "Card number", "cc-number"),
    ("exp_month", "Expiry month", "cc-exp-month"),
    ("exp_year", "Expiry year", "cc-exp-year"),
    ("cvc", "Security code", "cc-csc"),
)


def page(title: str, body: str) -> str:
    """A whole page; `title` is escaped here, `body` is HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def message(title: str, sentence: str) -> str:
    """A page with one sentence."""
    return page(title, f"<p>{escape(sentence)}</p>")


def checkout(session: JsonObject, items: list[JsonObject], problem: str = "") -> str:
    """The form that pays a session, with what went wrong the last time."""
    amount = shown(session["amount_total"], session["currency"])
    rows = "".join(_row(item) for item in items)
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    back = _link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    body = (
        f"<ul>{rows}</ul><p>Total: <strong>{escape(amount)}</strong></p>{alert}"
        f'<form method="post">{_email(session)}{_card_fields()}'
        f'<button type="submit">Pay {escape(amount)}</button></form>{back}'
        "<p>Sandbox: use a test card such as 4242 4242 4242 4242.</p>"
    )
    return page("Pay", body)


def _row(item: JsonObject) -> str:
    amount = shown(item["amount_total"], item["currency"])
    every = item["price"]["recurring"]
    often = f" / {every['interval']}" if every else ""
    text = f"{item['quantity']} × {item['description']}: {amount}{often}"
    return f"<li>{escape(text)}</li>"


def _email(session: JsonObject) -> str:
    known = (session["customer_details"] or {}).get("email") or ""
    return (
        '<label for="email">E-mail</label>'
        f'<input id="email" name="email" type="email" autocomplete="email" '
        f'value="{escape(known)}">'
    )


def _card_fields() -> str:
    return "".join(
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" inputmode="numeric" autocomplete="{hint}" required>'
        for name, label, hint in FIELDS
    )


def _link(url: str, text: str) -> str:
    return f'<p><a href="{escape(url)}">{escape(text)}</a></p>'


def authentication(action: str, amount: str) -> str:
    """The page on which the card's owner confirms a payment, or does not (3-D Secure)."""
    body = (
        f"<p>Your bank asks you to confirm a payment of {escape(amount)}.</p>"
        f'<form method="post" action="{escape(action)}">'
        '<button name="outcome" value="complete">Complete authentication</button>'
        '<button name="outcome" value="fail">Fail authentication</button></form>'
    )
    return page("Confirm your payment", body)
