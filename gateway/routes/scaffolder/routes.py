"""Whether somebody holds what is required, and what resources cost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.bodies import documented, read_body, refusals, request_key
from gateway.ports import (
    AccountKind,
    Commitment,
    Deployment,
    Pricing,
    Requirement,
    ResourceWish,
    Subscription,
)
from gateway.problems import json_response
from gateway.routes.scaffolder.models import (
    ComparisonAnswer,
    ComparisonBody,
    EntitlementAnswer,
    PriceAnswer,
    PriceBody,
    Refused,
    RequirementBody,
    SpecBody,
)
from gateway.routes.scaffolder.views import (
    comparison_view,
    entitlement_view,
    quote_view,
    unsold_view,
)
from services.chassis.callrate import CallRate
from services.chassis.errors import FailedPrecondition, NotFound, PermissionDenied
from services.chassis.identity import Principal, acting

_REFUSALS = refusals(
    Refused,
    {
        400: "The request is wrong; `fields` says where",
        401: "No valid token",
        403: "Somebody else's, which only platform admins may ask",
        404: "Nobody has that `userId`",
        429: "Too many calls; `Retry-After` says when to come back",
        503: "A service cannot be reached",
        "default": "Any other refusal",
    },
)

PRICED_ONLY = frozenset({"INSTALMENTS_NOT_SOLD", "CLOUD_NOT_SOLD"})
"""Why pricing gives no quote for what it does price."""


class UnknownUser(NotFound):
    """Nobody of that name has an account."""

    reason = "UNKNOWN_USER"


@dataclass(frozen=True, slots=True)
class ScaffolderDesk:
    """The services, the catalog whose tiers are asked for, and how often one person may ask."""

    pricing: Pricing
    subscription: Subscription
    catalog: str
    rate: CallRate


def scaffolder_routes(desk: ScaffolderDesk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/tollgate", tags=["scaffolder"], responses=_REFUSALS)

    async def counted(caller: SignedIn) -> Principal:
        desk.rate.take(caller)
        return caller

    counted_caller = Annotated[Principal, Depends(counted)]

    @router.post(
        "/validate-subscription",
        summary="Whether somebody holds a tier and features; unmet is no error",
        response_model=EntitlementAnswer,
        openapi_extra=documented(RequirementBody),
    )
    async def validate(caller: counted_caller, request: Request) -> Response:
        body = await read_body(request, RequirementBody)
        with acting(caller):
            requirement = Requirement(
                account=await _account(desk, caller, body.userId or ""),
                tier=body.requiredTier or "",
                features=body.requiredFeatures or (),
                catalog=desk.catalog,
            )
            held = await desk.subscription.entitlement(requirement)
        return json_response(entitlement_view(held))

    @router.post(
        "/calculate-price",
        summary="What resources cost, kept as a quote",
        response_model=PriceAnswer,
        openapi_extra=documented(PriceBody),
    )
    async def calculate(
        caller: counted_caller, request: Request, key: Annotated[str, Depends(request_key)]
    ) -> Response:
        body = await read_body(request, PriceBody)
        with acting(caller):
            return json_response(await _price(desk.pricing, _deployment(body), key))

    @router.post(
        "/compare-prices",
        summary="What the same resources cost in each region of each cloud",
        response_model=ComparisonAnswer,
        openapi_extra=documented(ComparisonBody),
    )
    async def compare(caller: counted_caller, request: Request) -> Response:
        body = await read_body(request, ComparisonBody)
        with acting(caller):
            offers = await desk.pricing.compare(_spec(body), body.clouds or (), body.regions or ())
        return json_response(comparison_view(offers))

    return router


async def _account(desk: ScaffolderDesk, caller: Principal, user: str) -> str:
    """Return whose entitlement is asked for; empty for the caller's own."""
    if not user or user in (caller.subject, caller.email):
        return ""
    if not caller.is_platform_admin:
        raise PermissionDenied(
            "You may only ask for your own subscription.", reason="ACCOUNT_OF_ANOTHER"
        )
    account = await desk.subscription.find_account(AccountKind.USER, user)
    if not account:
        raise UnknownUser(f"There is no account of {user!r}.")
    return account


async def _price(pricing: Pricing, deployment: Deployment, key: str) -> Mapping[str, object]:
    """Keep a price; what pricing does not sell is told all the same, without a quote."""
    try:
        return quote_view(await pricing.quote(deployment, key))
    except FailedPrecondition as refusal:
        if refusal.reason not in PRICED_ONLY:
            raise
        return unsold_view(await pricing.price(deployment))


def _deployment(body: PriceBody) -> Deployment:
    return replace(_spec(body), region=body.region or "", cloud=body.cloud or "")


def _spec(body: SpecBody) -> Deployment:
    asked = body.commitment
    return Deployment(
        resources=[
            ResourceWish(one.type, one.cpu, one.memory, one.storage, one.replicas)
            for one in body.resources
        ],
        hours=body.duration or "",
        backup_plan=body.backupPlan or "",
        features=body.additionalFeatures or (),
        commitment=Commitment(asked.years, asked.upfront) if asked else None,
        coupon=body.coupon or "",
    )
