"""Puts the gateway's routes together."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from gateway.ports import Payments, Pricing, Provisioner, Subscription
from gateway.ports.costs import Costs
from gateway.problems import crashed, refused, unreadable, unrouted
from gateway.routes.billing import BillingDesk, billing_routes
from gateway.routes.costs import costs_routes
from gateway.routes.health import Ready, health_routes, product_version
from gateway.routes.manage import manage_routes
from gateway.routes.quotes import QuoteDesk, quote_routes
from gateway.routes.scaffolder import ScaffolderDesk, scaffolder_routes
from gateway.routes.sources import source_routes
from gateway.routes.webhooks import WebhookEdge
from services.chassis.callrate import CallRate
from services.chassis.errors import Refusal
from services.chassis.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class Services:
    """Who the gateway asks."""

    payments: Payments
    pricing: Pricing
    subscription: Subscription
    provisioner: Provisioner
    costs: Costs


@dataclass(frozen=True, slots=True)
class Dialects:
    """What the REST dialects are told: see the settings of the same names."""

    billing_catalog: str
    scaffolder_catalog: str
    console_url: str
    catalog_public: bool


def make_app(
    services: Services,
    dialects: Dialects,
    *,
    edge: WebhookEdge,
    verifier: TokenVerifier,
    rate: CallRate,
    ready: Ready,
) -> FastAPI:
    """Return the application; everything it needs is given."""
    app = FastAPI(
        title="Tollgate",
        version=product_version(),
        description="Turns money into Kubernetes capacity, and takes it back when the money stops.",
    )
    app.state.verifier = verifier
    app.state.catalog_public = dialects.catalog_public
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(Exception, crashed)
    # First, and as plain routes: the hot path.
    app.router.routes[0:0] = edge.routes()
    app.include_router(health_routes(ready))
    app.include_router(billing_routes(_billing_desk(services, dialects)))
    app.include_router(manage_routes(services.provisioner))
    app.include_router(quote_routes(QuoteDesk(services.pricing, rate)))
    app.include_router(
        scaffolder_routes(
            ScaffolderDesk(
                services.pricing, services.subscription, dialects.scaffolder_catalog, rate
            )
        )
    )
    app.include_router(costs_routes(services.costs, services.subscription, rate))
    app.include_router(source_routes(services.pricing, rate))
    return app


def for_browsers(app: FastAPI, console_url: str) -> CORSMiddleware:
    """Let pages of the console call, with credentials; around all, so refusals reach them too."""
    parts = urlsplit(console_url)
    return CORSMiddleware(
        app,
        allow_origins=[f"{parts.scheme}://{parts.netloc}"],
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match"],
        expose_headers=["Retry-After", "Link", "ETag"],
    )


def _billing_desk(services: Services, dialects: Dialects) -> BillingDesk:
    return BillingDesk(
        payments=services.payments,
        pricing=services.pricing,
        subscription=services.subscription,
        provisioner=services.provisioner,
        catalog=dialects.billing_catalog,
        console_url=dialects.console_url,
    )
