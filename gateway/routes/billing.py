"""Document 001's dialect: /api/billing. Its envelope, field names and texts are contracts."""

from collections.abc import Mapping
from decimal import Decimal

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.ports import Offer, Payments, Pricing, Provider
from gateway.problems import json_response, timestamp
from services.chassis import quantities
from services.chassis.identity import acting

_GIB = Decimal(1 << 30)
_IN_GIB = frozenset({"memory", "storage"})


def billing_routes(payments: Payments, pricing: Pricing, catalog: str) -> APIRouter:
    """Return the routes; ``catalog`` is the one that this dialect's short plan ids belong to."""
    router = APIRouter(prefix="/api/billing", tags=["billing"])

    @router.get("/config", summary="The payment provider that is on, and what it offers")
    async def config(caller: SignedIn) -> Response:
        with acting(caller):
            body = _config(await payments.provider())
        # The document writes `config`, its backend wrote `data`: clients of both exist.
        return _success({"config": body, "data": body, "message": "Billing configuration"})

    @router.get("/plans", summary="The plans that can be subscribed to")
    async def plans(caller: SignedIn) -> Response:
        with acting(caller):
            return _success({"data": [_plan(plan) for plan in await pricing.plans(catalog)]})

    @router.get("/addons", summary="The add-ons that can be added to a plan")
    async def addons(caller: SignedIn) -> Response:
        with acting(caller):
            return _success({"data": [_offer(item) for item in await pricing.addons(catalog)]})

    return router


def _success(body: Mapping[str, object]) -> Response:
    return json_response({"success": True, **body, "timestamp": timestamp()})


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
    resources: dict[str, object] = {**_resources(plan.quota)}
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
    short = item.name.rpartition("/")[2]
    price = item.monthly
    return {
        "id": short,
        "name": item.display_name,
        "displayName": item.display_name,
        "description": item.description,
        "price": number(price.to_decimal()) if price else 0,
        "currency": price.currency.upper() if price else None,
        "resources": _resources(item.quota),
    }


def _resources(quota: Mapping[str, str]) -> dict[str, object]:
    """Cores, GiB and counts, as plain numbers, of the resources that the dialect shows."""
    shown: dict[str, object] = {}
    for name in ("cpu", "memory", "storage", "pods"):
        if name in quota:
            amount = quantities.parse(quota[name])
            shown[name] = number(amount / _GIB if name in _IN_GIB else amount)
    return shown


def number(amount: Decimal) -> object:
    """Write a decimal as a JSON number, exactly and without an exponent; a float could not."""
    whole = amount.to_integral_value()
    return int(whole) if whole == amount else orjson.Fragment(f"{amount.normalize():f}")
