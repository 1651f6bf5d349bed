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
HINT = "<p>Sandbox: use a test card such as 4242 4242 4242 4242.</p>"
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
    """The form that completes a session, with what went wrong the last time."""
    back = link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    saves = session["amount_total"] is None
    word = "Save card" if saves else f"Pay {_amount(session)}"
    rows = "".join(_row(item) for item in items)
    total = "" if saves else f"<p>Total: <strong>{escape(_amount(session))}</strong></p>"
    body = (
        f"<ul>{rows}</ul>{total}{alert(problem)}"
        f'<form method="post">{_quantities(items)}{_code(session)}{_email(session)}{card_fields()}'
        f'<button type="submit">{escape(word)}</button></form>{back}{HINT}'
    )
    return page("Save your card" if saves else "Pay", body)


def alert(problem: str) -> str:
    """What went wrong, so that it is read out."""
    return f'<p role="alert">{escape(problem)}</p>' if problem else ""


def _amount(session: JsonObject) -> str:
    return shown(session["amount_total"], session["currency"])


def asked(session: JsonObject) -> str:
    """What a session asks the card's owner to confirm."""
    if not session["amount_total"]:
        return "that your card is saved"
    return f"a payment of {_amount(session)}"


def _row(item: JsonObject) -> str:
    amount = shown(item["amount_total"], item["currency"])
    every = item["price"]["recurring"]
    often = f" / {every['interval']}" if every else ""
    text = f"{item['quantity']} × {item['description']}: {amount}{often}"
    return f"<li>{escape(text)}</li>"


def _quantities(items: list[JsonObject]) -> str:
    return "".join(
        text_field(f"quantity_{at}", f"Quantity of {item['description']}", str(item["quantity"]))
        for at, item in enumerate(items)
        if (item["adjustable_quantity"] or {}).get("enabled")
    )


def _code(session: JsonObject) -> str:
    return text_field("promotion_code", "Code", "") if session["allow_promotion_codes"] else ""


def text_field(name: str, label: str, value: str) -> str:
    """A labelled field with what is known already."""
    return (
        f'<label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}">'
    )


def _email(session: JsonObject) -> str:
    known = (session["customer_details"] or {}).get("email") or ""
    return (
        '<label for="email">E-mail</label>'
        f'<input id="email" name="email" type="email" autocomplete="email" '
        f'value="{escape(known)}">'
    )


def card_fields() -> str:
    """The fields of a card."""
    return "".join(
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" inputmode="numeric" autocomplete="{hint}" required>'
        for name, label, hint in FIELDS
    )


def link(url: str, text: str) -> str:
    """A link in a paragraph of its own."""
    return f'<p><a href="{escape(url)}">{escape(text)}</a></p>'


def authentication(action: str, asked_for: str) -> str:
    """The page on which the card's owner confirms something, or does not (3-D Secure)."""
    body = (
        f"<p>Your bank asks you to confirm {escape(asked_for)}.</p>"
        f'<form method="post" action="{escape(action)}">'
        '<button name="outcome" value="complete">Complete authentication</button>'
        '<button name="outcome" value="fail">Fail authentication</button></form>'
    )
    return page("Confirm your payment", body)
