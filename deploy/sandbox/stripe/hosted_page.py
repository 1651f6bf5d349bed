"""The hosted payment page: a form that completes a checkout session with a test card."""

from collections.abc import Callable, Mapping

from aiohttp import web

from deploy.sandbox.stripe import card_form, discounts, pages, timing
from deploy.sandbox.stripe.card_form import FormProblemError, html
from deploy.sandbox.stripe.completion import Entered, Outcome, Step, authenticate, pay
from deploy.sandbox.stripe.context import Context, World
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.resources import promotion_codes
from deploy.sandbox.stripe.resources.checkout_sessions import KIND, add_up, close
from deploy.sandbox.stripe.shapes import JsonObject

NO_SESSION = "There is no such checkout session."
EXPIRED = "This checkout session has expired. Nothing was charged; please start again."
ALREADY_PAID = "This checkout session was already paid. You have not been charged again."
GONE = "The customer of this checkout session no longer exists. Nothing was charged."
NOTHING_ASKED = "There is no payment to confirm here."
NO_CODE = "This code is invalid."


Act = Callable[[], Outcome | None]


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
        context, session = self._open(request)
        if session is None or session["status"] != "open":
            return _closed(session, 200)
        return html(200, _form(context, session))

    async def submit(self, request: web.Request) -> web.Response:
        """The form, filled in: one attempt to pay."""
        entered = await card_form.fields(request)
        context, session = self._open(request)
        refusal = _refusal(context, session)
        if session is None or refusal is not None:
            return refusal or _closed(session, 404)
        try:
            _change(context, session, entered)
            details = _read(session, entered, context.now)
        except FormProblemError as problem:
            context.tx.rollback()
            return html(400, _form(context, session, str(problem)))
        return _attempt(context, session, lambda: pay(context, session, details))

    async def answer(self, request: web.Request) -> web.Response:
        """The card owner's answer to 3-D Secure."""
        confirmed = (await card_form.fields(request)).get("outcome") == "complete"
        context, session = self._open(request)
        refusal = _refusal(context, session)
        if session is None or refusal is not None:
            return refusal or _closed(session, 404)
        return _attempt(
            context, session, lambda: authenticate(context, session, confirmed=confirmed)
        )

    def _open(self, request: web.Request) -> tuple[Context, JsonObject | None]:
        """The session at the time of its customer, expired first if its time is over."""
        context = self._world.begin()
        session = context.tx.get(KIND, request.match_info["id"])
        if session is None:
            return context, None
        context = timing.on_clock_of(context, session["customer"])
        if session["status"] == "open" and session["expires_at"] <= context.now:
            close(context, session)
            context.tx.commit()
        return context, session

    async def receipt(self, request: web.Request) -> web.Response:
        """What a charge's `receipt_url` leads to."""
        charge = self._world.begin().tx.get("charge", request.match_info["id"])
        if charge is None or not charge["paid"]:
            return html(404, pages.message("Not found", "There is no such receipt."))
        amount = shown(charge["amount"], charge["currency"])
        return html(200, pages.message("Receipt", f"Paid: {amount} ({charge['id']})."))

    async def invoice(self, request: web.Request) -> web.Response:
        """What an invoice's `hosted_invoice_url` leads to."""
        invoice = self._world.begin().tx.get("invoice", request.match_info["id"])
        if invoice is None or invoice["number"] is None:
            return html(404, pages.message("Not found", "There is no such invoice."))
        amount = shown(invoice["total"], invoice["currency"])
        sentence = f"Total: {amount}. Status: {invoice['status']}."
        return html(200, pages.message(f"Invoice {invoice['number']}", sentence))


def _order(context: Context, session: JsonObject) -> JsonObject:
    return context.tx.need("order", session["id"], "session")


def _form(context: Context, session: JsonObject, problem: str = "") -> str:
    return pages.checkout(session, _order(context, session)["items"], problem)


def _closed(session: JsonObject | None, paid_status: int) -> web.Response:
    if session is None:
        return html(404, pages.message("Not found", NO_SESSION))
    if session["status"] == "expired":
        return html(410, pages.message("Expired", EXPIRED))
    return html(paid_status, pages.message("Already paid", ALREADY_PAID))


def _refusal(context: Context, session: JsonObject | None) -> web.Response | None:
    """Why a session cannot be paid, if it cannot."""
    if session is None or session["status"] != "open":
        return _closed(session, 409)
    if session["customer"] is not None:
        customer = context.tx.get("customer", session["customer"])
        if customer is None or customer.get("deleted"):
            return html(409, pages.message("Not possible", GONE))
    return None


def _change(context: Context, session: JsonObject, form: Mapping[str, str]) -> None:
    """Take the quantities and the promotion code of the form, where the session allows them."""
    order = _order(context, session)
    changed = _adjust(order, form)
    code = form.get("promotion_code", "").strip()
    if code and session["allow_promotion_codes"]:
        order["offer"] = _offer(context, session, code)
        changed = True
    if changed:
        add_up(context, session, order)
        context.tx.save("order", order)
        context.tx.save(KIND, session)


def _adjust(order: JsonObject, form: Mapping[str, str]) -> bool:
    changed = False
    for at, item in enumerate(order["items"]):
        allowed = item["adjustable_quantity"]
        if not allowed or not allowed["enabled"] or f"quantity_{at}" not in form:
            continue
        wanted = card_form.whole(form, f"quantity_{at}")
        if not max(allowed["minimum"], 1) <= wanted <= allowed["maximum"]:
            raise FormProblemError(f"Quantity: at most {allowed['maximum']}.")
        changed = changed or wanted != item["quantity"]
        item["quantity"] = wanted
    return changed


def _offer(context: Context, session: JsonObject, word: str) -> JsonObject:
    code = promotion_codes.by_code(context, word)
    if code is None:
        raise FormProblemError(NO_CODE)
    try:
        (offer,) = discounts.offers(
            context,
            [{"promotion_code": code["id"]}],
            customer=session["customer"],
            currency=session["currency"],
            amount=session["amount_subtotal"],
        )
    except StripeError as refused:
        raise FormProblemError(refused.message) from refused
    return {"coupon": offer.coupon, "code": offer.code}


def _read(session: JsonObject, form: Mapping[str, str], now: int) -> Entered:
    wanted = bool(session["amount_total"]) or session["payment_method_collection"] == "always"
    if wanted or form.get("number"):
        card, month, year = card_form.read(form, now)
    else:
        card, month, year = None, 0, 0
    known = (session["customer_details"] or {}).get("email") or ""
    email = form.get("email", "").strip() or known
    if "@" not in email.strip("@"):
        raise FormProblemError("Please enter your e-mail address.")
    return Entered(card, month, year, email)


def _attempt(context: Context, session: JsonObject, act: Act) -> web.Response:
    """Run an attempt as one transaction and show what came of it."""
    try:
        outcome = act()
    except BaseException:
        context.tx.rollback()
        raise
    context.tx.commit()
    if outcome is None:
        return html(409, pages.message("Nothing to confirm", NOTHING_ASKED))
    return _shown(context, session, outcome)


def _shown(context: Context, session: JsonObject, outcome: Outcome) -> web.Response:
    if outcome.step is Step.AUTHENTICATE:
        action = f"/c/pay/{session['id']}/authenticate"
        return html(200, pages.authentication(action, pages.asked(session)))
    if outcome.decline is not None:
        return html(402, _form(context, session, card_form.declined(outcome.decline)))
    if session["success_url"] is None:
        return html(200, pages.message("Payment succeeded", "Thank you for your payment."))
    target = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return card_form.redirect(target)
