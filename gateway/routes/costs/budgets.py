"""Budgets, made and changed, and the alerts that they raised."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.bodies import MAX_TEXT, documented, needed, read_body, request_key
from gateway.etags import IfMatch, state_named, tagged, tagged_answer
from gateway.ports.costs import Budget, BudgetWish, Costs, Threshold
from gateway.problems import json_response
from gateway.routes.costs.asking import Paged, own_names
from gateway.routes.costs.models import (
    AlertsAnswer,
    BudgetAnswer,
    BudgetBody,
    BudgetsAnswer,
    SecretAnswer,
)
from gateway.routes.costs.reports import next_page
from gateway.routes.costs.views import alert_view, budget_view
from services.chassis.identity import acting
from services.chassis.money import Money, from_decimal

BudgetId = Annotated[str, Path(max_length=64, pattern=r"^bud_[0-9a-z]+$")]
RequestKey = Annotated[str, Depends(request_key)]
Etag = Annotated[str, Query(max_length=MAX_TEXT, description="the state that is deleted")]


def add_budget_routes(router: APIRouter, costs: Costs) -> None:
    """Add the routes of budgets and alerts."""
    _add_changes(router, costs)

    @router.get("/budgets", summary="The budgets one may see", response_model=BudgetsAnswer)
    async def listed(caller: SignedIn, request: Request, page: Paged) -> Response:
        with acting(caller), own_names():
            found = await costs.budgets(page)
        body = {
            "budgets": [budget_view(one) for one in found.budgets],
            "nextPageToken": found.next_token or None,
        }
        return json_response(body, headers=next_page(request, found.next_token))

    @router.get(
        "/budgets/{budget}",
        summary="One budget",
        response_model=BudgetAnswer,
        responses=tagged_answer(),
    )
    async def look(caller: SignedIn, budget: BudgetId) -> Response:
        with acting(caller), own_names():
            return _told(await costs.budget(budget))

    @router.get(
        "/budgets/{budget}/webhook-secret",
        summary="What the budget's webhook is signed with (Standard Webhooks)",
        response_model=SecretAnswer,
    )
    async def secret(caller: SignedIn, budget: BudgetId) -> Response:
        with acting(caller), own_names():
            found = await costs.webhook_secret(budget)
        return json_response({"secret": found}, headers={"Cache-Control": "no-store"})

    @router.get(
        "/budgets/{budget}/alerts",
        summary="The thresholds of a budget that were passed, and who was told",
        response_model=AlertsAnswer,
    )
    async def alerts_of(
        caller: SignedIn, request: Request, budget: BudgetId, page: Paged
    ) -> Response:
        with acting(caller):
            return await _alerts(costs, request, budget, page)

    @router.get(
        "/budget-alerts",
        summary="The thresholds of all budgets that one may see that were passed",
        response_model=AlertsAnswer,
    )
    async def alerts(caller: SignedIn, request: Request, page: Paged) -> Response:
        with acting(caller):
            return await _alerts(costs, request, "", page)


def _add_changes(router: APIRouter, costs: Costs) -> None:
    @router.post(
        "/budgets",
        summary="Make a budget",
        response_model=BudgetAnswer,
        status_code=201,
        openapi_extra=documented(BudgetBody),
        responses=tagged_answer(201),
    )
    async def create(caller: SignedIn, request: Request, key: RequestKey) -> Response:
        wish = _wish(await read_body(request, BudgetBody))
        with acting(caller), own_names():
            return _told(await costs.create_budget(wish, key), status=201)

    @router.put(
        "/budgets/{budget}",
        summary="Change a budget as a whole",
        response_model=BudgetAnswer,
        openapi_extra=documented(BudgetBody),
        responses=tagged_answer(),
    )
    async def update(
        caller: SignedIn, budget: BudgetId, request: Request, key: RequestKey, match: IfMatch = ""
    ) -> Response:
        body = await read_body(request, BudgetBody)
        wish, etag = _wish(body), state_named(match, body.etag or "")
        with acting(caller), own_names():
            return _told(await costs.update_budget(budget, wish, etag=etag, request_id=key))

    @router.delete("/budgets/{budget}", summary="Delete a budget; its alerts stay", status_code=204)
    async def delete(
        caller: SignedIn, budget: BudgetId, key: RequestKey, etag: Etag = "", match: IfMatch = ""
    ) -> Response:
        state = state_named(match, etag)
        with acting(caller), own_names():
            await costs.delete_budget(budget, etag=state, request_id=key)
        return Response(status_code=204)


def _told(budget: Budget, *, status: int = 200) -> Response:
    return json_response(budget_view(budget), status=status, headers=tagged(budget.etag))


async def _alerts(costs: Costs, request: Request, budget: str, page: Paged) -> Response:
    with own_names():
        found = await costs.alerts(budget, page)
    body = {
        "alerts": [alert_view(one) for one in found.alerts],
        "nextPageToken": found.next_token or None,
    }
    return json_response(body, headers=next_page(request, found.next_token))


def _wish(body: BudgetBody) -> BudgetWish:
    narrow = {name: value for name, value in body.filter.model_dump().items() if value}
    return BudgetWish(
        display_name=body.displayName,
        narrow=narrow,
        amount=_money(body),
        thresholds=[Threshold(one.percent, one.basis) for one in body.thresholds],
        emails=body.emails or (),
        webhook_url=body.webhookUrl or "",
    )


def _money(body: BudgetBody) -> Money:
    currency = body.currency.lower()
    try:
        Money.zero(currency)
    except ValueError:
        raise needed("currency", "expected an ISO 4217 code, such as USD") from None
    try:
        return from_decimal(body.amount, currency)
    except ValueError as error:
        raise needed("amount", str(error)) from None
