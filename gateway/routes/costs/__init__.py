"""What capacity has cost, over REST: /api/tollgate/costs, budgets, budget-alerts, budget-notices.

The documents promise reports, budgets and forecasts without saying where: these paths are ours,
in the dialect of document 000, whose prefix they share.
"""

from fastapi import APIRouter, Depends

from gateway.auth import SignedIn
from gateway.bodies import refusals
from gateway.ports.costs import Costs
from gateway.ports.notices import BudgetNotices
from gateway.routes.costs.budgets import add_budget_routes
from gateway.routes.costs.notices import add_notice_routes
from gateway.routes.costs.recommendations import add_recommendation_routes
from gateway.routes.costs.reports import add_report_routes
from gateway.routes.scaffolder.models import Refused
from services.chassis.callrate import CallRate

__all__ = ["costs_routes"]

_REFUSALS = refusals(
    Refused,
    {
        400: "The request is wrong; `fields` says where",
        401: "No valid token",
        403: "Costs of somebody else; the sentence says whose may be seen",
        404: "There is no such budget, or it is somebody else's",
        412: "The budget was changed since it was read; `etag` or `If-Match` is not the newest",
        429: "Too many calls; `Retry-After` says when to come back",
        503: "A service cannot be reached",
        "default": "Any other refusal",
    },
)


def costs_routes(costs: Costs, notices: BudgetNotices, rate: CallRate) -> APIRouter:
    """Return the routes; calls count towards what one person may ask of /api/tollgate."""

    async def counted(caller: SignedIn) -> None:
        rate.take(caller)

    router = APIRouter(
        prefix="/api/tollgate",
        tags=["costs"],
        responses=_REFUSALS,
        dependencies=[Depends(counted)],
    )
    add_report_routes(router, costs)
    add_budget_routes(router, costs)
    add_recommendation_routes(router, costs)
    add_notice_routes(router, notices)
    return router
