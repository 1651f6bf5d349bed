"""Which tenants use far less than they pay for, and what a smaller plan would save."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.ports.costs import Costs
from gateway.ports.recommendations import Recommendation, Sizes, SmallerPlan
from gateway.problems import json_response
from gateway.routes.costs.asking import Narrowed, Paged, own_names
from gateway.routes.costs.reports import next_page
from services.chassis.identity import acting

_OnlySavings = Annotated[
    bool,
    Query(
        alias="onlySavings",
        description="only those with a smaller plan; pages may hold few, or none, and more follow",
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SizesAnswer(_Answer):
    """Cores, and GiB of memory and storage: exact decimals as texts."""

    cpu: str
    memory: str
    storage: str


class SmallerAnswer(_Answer):
    """The cheapest plan that would do. ``monthlySaving`` is exact: a decimal as a text.

    It does not count what is left out: add-ons, terms of the purchase that are not known (always
    promotions), volume discounts of the rate card.
    """

    plan: str
    sizes: SizesAnswer
    basis: Literal["plan-price", "rate-card", "other"]
    monthlySaving: str  # noqa: N815 - the dialect's form
    currency: str
    leftOut: list[Literal["addons", "terms", "volume-discounts", "other"]]  # noqa: N815


class RecommendationAnswer(_Answer):
    """What is said of one tenant."""

    tenant: str
    account: str
    user: str | None
    organization: str | None
    plan: str
    outcome: Literal["smaller-plan", "insufficient-data", "well-used", "no-cheaper-plan", "other"]
    hours: int
    paid: SizesAnswer
    used: SizesAnswer | None
    smaller: SmallerAnswer | None


class RecommendationsAnswer(_Answer):
    """A page, by tenant."""

    recommendations: list[RecommendationAnswer]
    nextPageToken: str | None  # noqa: N815


def add_recommendation_routes(router: APIRouter, costs: Costs) -> None:
    """Add the route."""

    @router.get(
        "/costs/recommendations",
        summary="Whether what stands is far too large for what is used, and which plan would do",
        response_model=RecommendationsAnswer,
    )
    async def recommendations(
        caller: SignedIn,
        request: Request,
        narrow: Narrowed,
        page: Paged,
        only_savings: _OnlySavings = False,
    ) -> Response:
        with acting(caller), own_names():
            found = await costs.recommendations(narrow, page, only_savings=only_savings)
        body = {
            "recommendations": [_view(one) for one in found.items],
            "nextPageToken": found.next_token or None,
        }
        return json_response(body, headers=next_page(request, found.next_token))


def _view(one: Recommendation) -> Mapping[str, object]:
    return {
        "tenant": one.tenant,
        "account": one.account,
        "user": one.user or None,
        "organization": one.organization or None,
        "plan": one.plan,
        "outcome": one.outcome,
        "hours": one.hours,
        "paid": _sizes(one.paid),
        "used": None if one.used is None else _sizes(one.used),
        "smaller": None if one.smaller is None else _smaller(one.smaller),
    }


def _smaller(one: SmallerPlan) -> Mapping[str, object]:
    return {
        "plan": one.plan,
        "sizes": _sizes(one.sizes),
        "basis": one.basis,
        "monthlySaving": one.monthly_saving,
        "currency": one.currency.upper(),
        "leftOut": list(one.left_out),
    }


def _sizes(sizes: Sizes) -> Mapping[str, str]:
    return {"cpu": sizes.cpu, "memory": sizes.memory, "storage": sizes.storage}
