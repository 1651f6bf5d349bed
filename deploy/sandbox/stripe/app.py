"""The HTTP application: API calls, the hosted page and the sandbox's own calls."""

import functools

from aiohttp import web

from deploy.sandbox.stripe.admin import Admin
from deploy.sandbox.stripe.api import Api, Route
from deploy.sandbox.stripe.context import World
from deploy.sandbox.stripe.hosted_page import HostedPage
from deploy.sandbox.stripe.limits import Limits
from deploy.sandbox.stripe.resources import (
    account,
    charges,
    checkout_sessions,
    customers,
    events,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    subscription_items,
    subscriptions,
    webhook_endpoints,
)

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *charges.ROUTES,
    *checkout_sessions.ROUTES,
    *customers.ROUTES,
    *events.ROUTES,
    *invoice_payments.ROUTES,
    *invoices.ROUTES,
    *payment_intents.ROUTES,
    *payment_methods.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *refunds.ROUTES,
    *subscription_items.ROUTES,
    *subscriptions.ROUTES,
    *webhook_endpoints.ROUTES,
)
MAX_BODY = 1024 * 1024  # bytes


def build(world: World) -> web.Application:
    """The application over a world."""
    limits = Limits()
    api = Api(world, limits)
    app = web.Application(client_max_size=MAX_BODY)
    for route in ROUTES:
        handler = functools.partial(api.respond, route=route)
        app.router.add_route(route.method, route.path, handler)
    app.add_routes(HostedPage(world).routes())
    app.add_routes(Admin(world, limits).routes())
    app.router.add_route("*", "/{unknown:.*}", functools.partial(api.respond, route=None))
    return app
