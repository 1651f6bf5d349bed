"""The hosted payment page: a form that pays a checkout session with a test card."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from aiohttp import web

from deploy.sandbox.stripe import cards, pages
from deploy.sandbox.stripe.cards import Decline
from deploy.sandbox.stripe.completion import Entered, Outcome, Step, authenticate, pay
from deploy.sandbox.stripe.context import Context, World
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.resources.checkout_sessions import KIND, close
from deploy.sandbox.stripe.shapes import JsonObject

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
NO_SESSION = "There is no such checkout session."
EXPIRED = "This checkout session has expired. Nothing was charged; please start again."
ALREADY_PAID = "This checkout session was already paid. You have not been charged again."
GONE = "The customer of this checkout session no longer exists. Nothing was charged."
NOTHING_ASKED = "There is no payment to confirm here."


Act = Callable[[], Outcome | None]


class FormProblemError(Exception):
    """The form cannot be used; the text says why."""


class HostedPage:
    """GET and POST of `/c/pay/<session id>`, and the page for 3-D Secure behind it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Where the page lives."""
        return [
            web.get("/c/pay/{id}", self.show),
            web.post("/c/pay/{id}", self.submit),
            web.post("/c/pay/{id}/authenticate", self.answer),
            web.get("/receipts/{id}", self.receipt),
            web.get("/invoices/{id}", self.invoice),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The form."""
        context = self._world.begin()
        session = _current(context, request.match_info["id"])
        if session is None or session["status"] != "open":
            return _closed(session, 200)
        return _html(200, pages.checkout(session, _items(context, session)))

    async def submit(self, request: web.Request) -> web.Response:
        """The form, filled in: one attempt to pay."""
        form = await request.post()
        entered = {name: value for name, value in form.items() if isinstance(value, str)}
        context = self._world.begin()
        session = _current(context, request.match_info["id"])
        refusal = _refusal(context, session)
        if session is None or refusal is not None:
            return refusal or _closed(session, 404)
        try:
            details = _read(session, entered, context.now)
        except FormProblemError as problem:
            return _html(400, pages.checkout(session, _items(context, session), str(problem)))
        return _attempt(context, session, lambda: pay(context, session, details))

    async def answer(self, request: web.Request) -> web.Response:
        """The card owner's answer to 3-D Secure."""
        form = await request.post()
        confirmed = form.get("outcome") == "complete"
        context = self._world.begin()
        session = _current(context, request.match_info["id"])
        refusal = _refusal(context, session)
        if session is None or refusal is not None:
            return refusal or _closed(session, 404)
        return _attempt(
            context, session, lambda: authenticate(context, session, confirmed=confirmed)
        )

    async def receipt(self, request: web.Request) -> web.Response:
        """What a charge's `receipt_url` leads to."""
        charge = self._world.begin().tx.get("charge", request.match_info["id"])
        if charge is None or not charge["paid"]:
            return _html(404, pages.message("Not found", "There is no such receipt."))
        amount = shown(charge["amount"], charge["currency"])
        return _html(200, pages.message("Receipt", f"Paid: {amount} ({charge['id']})."))

    async def invoice(self, request: web.Request) -> web.Response:
        """What an invoice's `hosted_invoice_url` leads to."""
        invoice = self._world.begin().tx.get("invoice", request.match_info["id"])
        if invoice is None or invoice["number"] is None:
            return _html(404, pages.message("Not found", "There is no such invoice."))
        amount = shown(invoice["total"], invoice["currency"])
        sentence = f"Total: {amount}. Status: {invoice['status']}."
        return _html(200, pages.message(f"Invoice {invoice['number']}", sentence))


def _html(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)


def _current(context: Context, session_id: str) -> JsonObject | None:
    """The session, expired first if its time is over."""
    session = context.tx.get(KIND, session_id)
    if session is not None and session["status"] == "open" and session["expires_at"] <= context.now:
        close(context, session)
        context.tx.commit()
    return session


def _items(context: Context, session: JsonObject) -> list[JsonObject]:
    items: list[JsonObject] = context.tx.need("order", session["id"], "session")["items"]
    return items


def _closed(session: JsonObject | None, paid_status: int) -> web.Response:
    if session is None:
        return _html(404, pages.message("Not found", NO_SESSION))
    if session["status"] == "expired":
        return _html(410, pages.message("Expired", EXPIRED))
    return _html(paid_status, pages.message("Already paid", ALREADY_PAID))


def _refusal(context: Context, session: JsonObject | None) -> web.Response | None:
    """Why a session cannot be paid, if it cannot."""
    if session is None or session["status"] != "open":
        return _closed(session, 409)
    if session["customer"] is not None:
        customer = context.tx.get("customer", session["customer"])
        if customer is None or customer.get("deleted"):
            return _html(409, pages.message("Not possible", GONE))
    return None


def _read(session: JsonObject, form: Mapping[str, str], now: int) -> Entered:
    number = form.get("number", "").replace(" ", "").replace("-", "")
    if not cards.valid_number(number):
        raise FormProblemError("Your card number is incorrect (incorrect_number).")
    month, year = _number(form, "exp_month"), _number(form, "exp_year")
    year += 2000 if year < 100 else 0
    today = datetime.fromtimestamp(now, tz=UTC)
    if not 1 <= month <= 12:
        raise FormProblemError("Your card's expiry month is invalid (invalid_expiry_month).")
    if (year, month) < (today.year, today.month) or year > today.year + 50:
        raise FormProblemError("Your card's expiry year is invalid (invalid_expiry_year).")
    if len(form.get("cvc", "").strip()) not in (3, 4) or _number(form, "cvc") < 0:
        raise FormProblemError("Your card's security code is invalid (invalid_cvc).")
    known = (session["customer_details"] or {}).get("email") or ""
    email = form.get("email", "").strip() or known
    if "@" not in email.strip("@"):
        raise FormProblemError("Please enter your e-mail address.")
    return Entered(cards.find(number), month, year, email)


def _number(form: Mapping[str, str], name: str) -> int:
    value = form.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 5 else -1


def _attempt(context: Context, session: JsonObject, act: Act) -> web.Response:
    """Run an attempt as one transaction and show what came of it."""
    try:
        outcome = act()
    except BaseException:
        context.tx.rollback()
        raise
    context.tx.commit()
    if outcome is None:
        return _html(409, pages.message("Nothing to confirm", NOTHING_ASKED))
    return _shown(context, session, outcome)


def _shown(context: Context, session: JsonObject, outcome: Outcome) -> web.Response:
    if outcome.step is Step.AUTHENTICATE:
        amount = shown(session["amount_total"], session["currency"])
        action = f"/c/pay/{session['id']}/authenticate"
        return _html(200, pages.authentication(action, amount))
    if outcome.decline is not None:
        problem = f"{outcome.decline.message} ({_codes(outcome.decline)})"
        return _html(402, pages.checkout(session, _items(context, session), problem))
    if session["success_url"] is None:
        return _html(200, pages.message("Payment succeeded", "Thank you for your payment."))
    target = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return web.Response(status=303, headers={"Location": target, "Cache-Control": "no-store"})


def _codes(decline: Decline) -> str:
    return ", ".join(code for code in (decline.code, decline.decline_code) if code)
