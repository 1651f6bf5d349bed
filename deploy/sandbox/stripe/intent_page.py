"""The page on which a card's owner answers for an intent that a call confirmed (3-D Secure)."""

from aiohttp import web

from deploy.sandbox.stripe import card_form, cards, charging, pages, setting_up, timing
from deploy.sandbox.stripe.card_form import html
from deploy.sandbox.stripe.context import Context, World
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.resources import intent_shape
from deploy.sandbox.stripe.shapes import JsonObject

KINDS = (intent_shape.KIND, setting_up.KIND)
NOTHING = "There is nothing to confirm here."


class IntentPage:
    """GET and POST of `/c/authenticate/<intent id>`, where `next_action` leads to."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Where the page lives."""
        where = "/c/authenticate/{id}"
        return [web.get(where, self.show), web.post(where, self.answer)]

    async def show(self, request: web.Request) -> web.Response:
        """The question."""
        intent = self._find(request)[1]
        if intent is None or intent["status"] != "requires_action":
            return html(404 if intent is None else 409, pages.message("Nothing here", NOTHING))
        return html(200, pages.authentication(request.path, _asked(intent)))

    async def answer(self, request: web.Request) -> web.Response:
        """The answer; then back to where the caller wanted, or a page that says how it went."""
        confirmed = (await card_form.fields(request)).get("outcome") == "complete"
        context, intent = self._find(request)
        if intent is None or intent["status"] != "requires_action":
            return html(404 if intent is None else 409, pages.message("Nothing here", NOTHING))
        back = (intent["next_action"].get("redirect_to_url") or {}).get("return_url")
        try:
            _settle(context, intent, confirmed=confirmed)
        except BaseException:
            context.tx.rollback()
            raise
        context.tx.commit()
        if back is None:
            return html(200, pages.message("Thank you", f"Status: {intent['status']}."))
        return card_form.redirect(_returning(back, intent))

    def _find(self, request: web.Request) -> tuple[Context, JsonObject | None]:
        context = self._world.begin()
        for kind in KINDS:
            found = context.tx.get(kind, request.match_info["id"])
            if found is not None:
                return timing.on_clock_of(context, found["customer"]), found
        return context, None


def _asked(intent: JsonObject) -> str:
    if intent["object"] == setting_up.KIND:
        return "that your card is saved"
    return f"a payment of {shown(intent['amount'], intent['currency'])}"


def _returning(back: str, intent: JsonObject) -> str:
    name = intent["object"]
    glue = "&" if "?" in back else "?"
    return f"{back}{glue}{name}={intent['id']}&{name}_client_secret={intent['client_secret']}"


def _settle(context: Context, intent: JsonObject, *, confirmed: bool) -> None:
    method = context.tx.need("payment_method", intent["payment_method"], "payment_method")
    saves = intent["object"] == setting_up.KIND
    if confirmed and saves:
        setting_up.save(context, intent, method, cards.of_method(method))
    elif confirmed:
        charging.attempt(context, intent, method, cards.of_method(method))
    elif saves:
        setting_up.fail(context, intent, method, setting_up.AUTHENTICATION_FAILED)
    else:
        charging.fail(context, intent, charging.AUTHENTICATION_FAILED, method, None)
