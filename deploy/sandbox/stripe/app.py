"""The HTTP application: API calls, the hosted page and the sandbox's own calls."""

import functools

from aiohttp import web

from deploy.sandbox.stripe.admin import Admin
from deploy.sandbox.stripe.admin_catalog import CatalogAdmin
from deploy.sandbox.stripe.admin_time import TimeAdmin
from deploy.sandbox.stripe.api import Api, Route
from deploy.sandbox.stripe.context import World
from deploy.sandbox.stripe.hosted_page import HostedPage
from deploy.sandbox.stripe.intent_page import IntentPage
from deploy.sandbox.stripe.limits import Limits
from deploy.sandbox.stripe.portal_page import PortalPage
from deploy.sandbox.stripe.resources import (
    account,
    balance,
    charges,
    checkout_sessions,
    coupons,
    customers,
    disputes,
    early_fraud_warnings,
    events,
    invoice_items,
    invoice_payments,
    invoice_previews,
    invoices,
    payment_intents,
    payment_methods,
    portal_configurations,
    portal_sessions,
    prices,
    products,
    promotion_codes,
    refunds,
    reviews,
    setup_intents,
    subscription_item_calls,
    subscriptions,
    test_clocks,
    webhook_endpoints,
)
from services.pricing.sources import ImportSettings

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *balance.ROUTES,
    *charges.ROUTES,
    *checkout_sessions.ROUTES,
    *coupons.ROUTES,
    *customers.ROUTES,
    *disputes.ROUTES,
    *early_fraud_warnings.ROUTES,
    *events.ROUTES,
    *invoice_items.ROUTES,
    *invoice_payments.ROUTES,
    *invoice_previews.ROUTES,
    *invoices.ROUTES,
    *payment_intents.ROUTES,
    *payment_methods.ROUTES,
    *portal_configurations.ROUTES,
    *portal_sessions.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *promotion_codes.ROUTES,
    *refunds.ROUTES,
    *reviews.ROUTES,
    *setup_intents.ROUTES,
    *subscription_item_calls.ROUTES,
    *subscriptions.ROUTES,
    *test_clocks.ROUTES,
    *webhook_endpoints.ROUTES,
)
MAX_BODY = 1024 * 1024  # bytes


def build(world: World, imports: ImportSettings) -> web.Application:
    """The application over a world; ``imports`` is what plans are read with that it is told of."""
    limits = Limits()
    api = Api(world, limits)
    app = web.Application(client_max_size=MAX_BODY)
    for route in ROUTES:
        handler = functools.partial(api.respond, route=route)
        app.router.add_route(route.method, route.path, handler)
    app.add_routes(HostedPage(world).routes())
    app.add_routes(IntentPage(world).routes())
    app.add_routes(PortalPage(world).routes())
    app.add_routes(Admin(world, limits).routes())
    app.add_routes(TimeAdmin(world).routes())
    app.add_routes(CatalogAdmin(world, imports).routes())
    app.router.add_route("*", "/{unknown:.*}", functools.partial(api.respond, route=None))
    return app
