"""What budgets say this month on the accounts that they concern."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from gateway import figures
from gateway.auth import SignedIn
from gateway.bodies import needed
from gateway.ports.notices import BudgetNotice, BudgetNotices, PassedThreshold
from gateway.problems import json_response
from gateway.routes.costs.models import ThresholdAnswer
from gateway.routes.costs.views import threshold_view
from services.chassis.identity import acting

_MOST_OWN = 2
"""A person has an own account, and administers that of an organization."""
_Account = Annotated[
    str,
    Query(
        max_length=64,
        pattern=r"^(acc_[0-9a-z]+)?$",
        description="one account; without it one's own, and the organization's for its admin",
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PassedAnswer(_Answer):
    """A threshold that was passed, and what was found when that was first noticed."""

    threshold: ThresholdAnswer
    found: float
    passedAt: str  # noqa: N815 - the dialect's form


class NoticeAnswer(_Answer):
    """A budget of which thresholds were passed in a month; at least one, rising by percent."""

    account: str
    budget: str
    displayName: str  # noqa: N815
    month: str
    amount: float
    currency: str
    passed: list[PassedAnswer]


class NoticesAnswer(_Answer):
    """What stands until the month ends, or the budget is changed or deleted."""

    notices: list[NoticeAnswer]


def add_notice_routes(router: APIRouter, notices: BudgetNotices) -> None:
    """Add the route."""

    @router.get(
        "/budget-notices",
        summary="Which budgets of one's accounts passed thresholds this month",
        response_model=NoticesAnswer,
    )
    async def standing(caller: SignedIn, account: _Account = "") -> Response:
        with acting(caller):
            names = [account] if account else await _own(notices)
            found = [one for name in names for one in await notices.budget_notices(name)]
        return json_response({"notices": [_view(one) for one in found]})


async def _own(notices: BudgetNotices) -> Sequence[str]:
    names = await notices.visible_accounts(_MOST_OWN + 1)
    if len(names) > _MOST_OWN:
        raise needed("account", "you may see the accounts of others; name one")
    return names


def _view(notice: BudgetNotice) -> Mapping[str, object]:
    return {
        "account": notice.account,
        "budget": notice.budget,
        "displayName": notice.display_name,
        "month": notice.month,
        "amount": figures.amount(notice.amount),
        "currency": notice.amount.currency.upper(),
        "passed": [_passed(one) for one in notice.passed],
    }


def _passed(one: PassedThreshold) -> Mapping[str, object]:
    return {
        "threshold": threshold_view(one.threshold),
        "found": figures.amount(one.found),
        "passedAt": figures.instant(one.pass_time),
    }
