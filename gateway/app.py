"""Puts the gateway's routes together."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from gateway.ports import Payments, Pricing
from gateway.problems import crashed, refused, unrouted
from gateway.routes.billing import billing_routes
from gateway.routes.health import Ready, health_routes, product_version
from gateway.routes.webhooks import WebhookEdge
from services.chassis.errors import Refusal
from services.chassis.tokens import TokenVerifier


def make_app(
    *,
    payments: Payments,
    pricing: Pricing,
    edge: WebhookEdge,
    verifier: TokenVerifier,
    ready: Ready,
    billing_catalog: str,
) -> FastAPI:
    """Return the application; everything it needs is given."""
    app = FastAPI(
        title="Tollgate",
        version=product_version(),
        description="Turns money into Kubernetes capacity, and takes it back when the money stops.",
    )
    app.state.verifier = verifier
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(Exception, crashed)
    # First, and as plain routes: the hot path.
    app.router.routes[0:0] = edge.routes()
    app.include_router(health_routes(ready))
    app.include_router(billing_routes(payments, pricing, billing_catalog))
    return app
