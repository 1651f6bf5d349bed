"""Document 001's dialect: /api/billing. Its envelope, field names and texts are contracts."""

from fastapi import APIRouter

from gateway.routes.billing.addons import add_addon_routes
from gateway.routes.billing.catalog import add_catalog_routes
from gateway.routes.billing.checkout import add_checkout_routes
from gateway.routes.billing.desk import REFUSALS, BillingDesk
from gateway.routes.billing.organization import add_organization_routes
from gateway.routes.billing.usage import add_usage_routes

__all__ = ["BillingDesk", "billing_routes"]


def billing_routes(desk: BillingDesk) -> APIRouter:
    """Return the routes that are always mounted, and those that a provider has to stand behind."""
    router = APIRouter(prefix="/api/billing", tags=["billing"], responses=REFUSALS)
    add_catalog_routes(router, desk)
    add_usage_routes(router, desk)
    add_organization_routes(router, desk)
    add_addon_routes(router, desk)
    add_checkout_routes(router, desk)
    return router
