"""The billing portal: a page on which a customer cancels, changes plan or card, and goes back."""

from collections.abc import Mapping

from aiohttp import web

from deploy.sandbox.stripe import card_form, pages, portal_actions, portal_html, timing
from deploy.sandbox.stripe.card_form import FormProblemError, html
from deploy.sandbox.stripe.context import Context, World
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.resources import portal_configurations
from deploy.sandbox.stripe.resources.portal_sessions import KEPT_SECONDS, KIND, LINK
from deploy.sandbox.stripe.shapes import JsonObject

GONE = "This link has expired. Please open the page again from where you came."


class PortalPage:
    """GET and POST of `/p/session/<secret>`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Where the portal lives."""
        where = "/p/session/{secret}"
        return [web.get(where, self.show), web.post(where, self.act)]

    async def show(self, request: web.Request) -> web.Response:
        """All that the customer may see and do."""
        opened = self._open(request)
        if opened is None:
            return html(410, pages.message("Link expired", GONE))
        context, link, session = opened
        portal_actions.take_saved(context, link, session)
        context.tx.commit()
        return html(200, _page(context, session))

    async def act(self, request: web.Request) -> web.Response:
        """One form of the page: its field `action` says which."""
        form = await card_form.fields(request)
        opened = self._open(request)
        if opened is None:
            return html(410, pages.message("Link expired", GONE))
        context, link, session = opened
        try:
            onward = _act(context, link, session, form)
        except (FormProblemError, StripeError) as problem:
            context.tx.rollback()
            return html(400, _page(context, session, str(problem)))
        except BaseException:
            context.tx.rollback()
            raise
        context.tx.commit()
        return _afterwards(session, onward)

    def _open(self, request: web.Request) -> tuple[Context, JsonObject, JsonObject] | None:
        """The session of a link that has not run out, at the time of its customer."""
        context = self._world.begin()
        link = context.tx.get(LINK, request.match_info["secret"])
        session = context.tx.get(KIND, link["session"]) if link else None
        if link is None or session is None:
            return None
        customer = context.tx.get("customer", session["customer"])
        if customer is None or customer.get("deleted"):
            return None
        context = timing.on_clock_of(context, customer)
        if session["created"] + KEPT_SECONDS <= context.now:
            return None
        return context, link, session


def _features(context: Context, session: JsonObject) -> JsonObject:
    kind = portal_configurations.KIND
    features: JsonObject = context.tx.need(kind, session["configuration"], "id")["features"]
    return features


def _page(context: Context, session: JsonObject, problem: str = "") -> str:
    customer = context.tx.need("customer", session["customer"], "customer")
    view = portal_html.View(
        session=session,
        customer=customer,
        features=_features(context, session),
        subscriptions=portal_actions.running(context, customer["id"]),
        invoices=context.tx.where("invoice", "customer", customer["id"]),
        card=portal_actions.card_of(context, customer),
    )
    return portal_html.portal(view, problem)


def _act(
    context: Context, link: JsonObject, session: JsonObject, form: Mapping[str, str]
) -> str | None:
    features = _features(context, session)
    wanted = form.get("action", "")
    if wanted == "card":
        return portal_actions.save_card(context, link, session, features, form)
    action = portal_actions.ACTIONS.get(wanted)
    if action is None:
        raise FormProblemError(portal_actions.NOT_ALLOWED)
    action(context, session, features, form)
    return None


def _afterwards(session: JsonObject, onward: str | None) -> web.Response:
    """To the card's owner's question, to where the flow leads, or to the portal again."""
    if onward is not None:
        return card_form.redirect(onward)
    completion = (session["flow"] or {}).get("after_completion") or {}
    if completion.get("type") == "redirect":
        return card_form.redirect(completion["redirect"]["return_url"])
    if completion.get("type") == "hosted_confirmation":
        words = (completion["hosted_confirmation"] or {}).get("custom_message")
        return html(200, pages.message("Done", words or "Your changes were saved."))
    return card_form.redirect(session["url"])
