"""The provider, its health, and what is sold."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from gateway import figures
from gateway.auth import SignedIn, SignedInOrPublic, on_behalf_of
from gateway.ports import Offer, Provider
from gateway.routes.billing.desk import BillingDesk, short, success
from gateway.routes.billing.models import (
    AddonOffer,
    ConfigAnswer,
    Health,
    PlanOffer,
    Success,
)

_SHOWN = ("cpu", "memory", "storage", "pods")


def add_catalog_routes(router: APIRouter, desk: BillingDesk) -> None:
    """Add the routes; config, plans and add-ons are open where the catalog is public."""

    @router.get(
        "/config",
        summary="The payment provider that is on, and what it offers",
        response_model=ConfigAnswer,
    )
    async def config(caller: SignedInOrPublic) -> Response:
        with on_behalf_of(caller):
            body = _config(await desk.payments.provider())
        # The document writes `config`, its backend wrote `data`: clients of both exist.
        return success(body, config=body, message="Billing configuration")

    @router.get(
        "/health",
        summary="Whether billing answers",
        response_model=Success[Health],
    )
    async def health(caller: SignedIn) -> Response:
        with on_behalf_of(caller):
            provider = await desk.payments.provider()
        return success({"status": "healthy", "provider": provider.name})

    @router.get(
        "/plans",
        summary="The plans that can be subscribed to",
        response_model=Success[list[PlanOffer]],
    )
    async def plans(caller: SignedInOrPublic) -> Response:
        with on_behalf_of(caller):
            return success([_plan(plan) for plan in await desk.pricing.plans(desk.catalog)])

    @router.get(
        "/addons",
        summary="The add-ons that can be added to a plan",
        response_model=Success[list[AddonOffer]],
    )
    async def addons(caller: SignedInOrPublic) -> Response:
        with on_behalf_of(caller):
            return success([_offer(item) for item in await desk.pricing.addons(desk.catalog)])


def _config(provider: Provider) -> Mapping[str, object]:
    return {
        "provider": provider.name,
        "features": {
            "quotas": True,
            "plans": True,
            "checkout": provider.checkout,
            "portal": provider.portal,
            "webhooks": provider.webhooks,
            "addons": provider.addons,
            "metering": False,
            "externalBillingUrl": None,
        },
    }


def _plan(plan: Offer) -> Mapping[str, object]:
    body = dict(_offer(plan))
    resources = figures.sizes(plan.quota, *_SHOWN)
    if plan.object_storage_gb is not None:
        resources["objectStorage"] = plan.object_storage_gb
    if plan.public_ips is not None:
        resources["ipv4"] = plan.public_ips
    return body | {
        "recommended": plan.recommended,
        "features": list(plan.highlights),
        "resources": resources,
    }


def _offer(item: Offer) -> Mapping[str, object]:
    price = item.monthly
    return {
        "id": short(item.name),
        "name": item.display_name,
        "displayName": item.display_name,
        "description": item.description,
        "price": figures.number(price.to_decimal()) if price else 0,
        "currency": price.currency.upper() if price else None,
        "resources": figures.sizes(item.quota, *_SHOWN),
    }
