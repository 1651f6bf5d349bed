"""What budgets say, over REST: on which accounts, in which form; and over gRPC behind it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.clients import GrpcSubscription
from gateway.ports import AccountKind
from gateway.ports.costs import Threshold
from gateway.ports.notices import BudgetNotice, PassedThreshold
from gateway.routes.costs.notices import NoticesAnswer
from services.chassis.money import Money
from tests.unit.gateway.scripted import MARCH, Line, line, stamp
from tests.unit.gateway.world import World
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import cost_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

__all__ = ["line"]

PATH = "/api/tollgate/budget-notices"
NOVEMBER = datetime(2026, 11, 3, 7, 30, tzinfo=UTC)


def notice(account: str, budget: str) -> BudgetNotice:
    passed = PassedThreshold(Threshold(80, "spent"), Money("usd", 8012), NOVEMBER)
    return BudgetNotice(account, budget, "Ours", "2026-11", Money("usd", 10_000), [passed])


@pytest.fixture
def filled(world: World) -> World:
    world.subscription.accounts = {
        (AccountKind.USER, "ada"): "acc_1",
        (AccountKind.ORGANIZATION, "acme"): "acc_2",
        (AccountKind.USER, "uma"): "acc_3",
        (AccountKind.USER, "gus"): "acc_4",
    }
    world.subscription.noticed = [notice(f"acc_{number}", f"bud_{number}") for number in (1, 2, 3)]
    return world


async def test_a_notice_says_how_much_of_which_budget_was_found_when(filled: World) -> None:
    answer = await filled.call("user", "GET", PATH)
    assert answer.status_code == 200
    NoticesAnswer.model_validate_json(answer.content)
    assert answer.json() == {
        "notices": [
            {
                "account": "acc_3",
                "budget": "bud_3",
                "displayName": "Ours",
                "month": "2026-11",
                "amount": 100.0,
                "currency": "USD",
                "passed": [
                    {
                        "threshold": {"percent": 80, "basis": "spent"},
                        "found": 80.12,
                        "passedAt": "2026-11-03T07:30:00.000Z",
                    }
                ],
            }
        ]
    }


async def test_people_are_answered_for_their_own_accounts(filled: World) -> None:
    async def budgets(role: str, query: str = "") -> list[str]:
        answer = await filled.call(role, "GET", f"{PATH}{query}")
        assert answer.status_code == 200
        return [one["budget"] for one in answer.json()["notices"]]

    assert await budgets("admin") == ["bud_1", "bud_2"]
    assert await budgets("guest") == []
    assert await budgets("admin", "?account=acc_2") == ["bud_2"]
    assert await budgets("platform", "?account=acc_3") == ["bud_3"]


async def test_who_may_see_more_accounts_names_one(filled: World) -> None:
    answer = await filled.call("platform", "GET", PATH)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["account"]
    assert (await filled.call("user", "GET", f"{PATH}?account=acc_1")).status_code == 404
    assert (await filled.call("user", "GET", f"{PATH}?account=nonsense")).status_code == 400
    assert (await filled.call("", "GET", PATH)).status_code == 401


async def test_the_services_are_asked_for_an_account_and_for_the_first_few(line: Line) -> None:
    def account(request: Any) -> Message:
        told = subscription_pb2.BudgetNotice(
            budget="bud_1",
            display_name="Ours",
            month="2026-03",
            amount=money_pb2.Money(currency="usd", minor_units=10_000),
            passed=[
                cost_pb2.PassedThreshold(
                    threshold=cost_pb2.BudgetThreshold(
                        percent=100, basis=cost_pb2.BudgetThreshold.BASIS_FORECAST
                    ),
                    found=money_pb2.Money(currency="usd", minor_units=10_400),
                    pass_time=stamp(MARCH),
                )
            ],
        )
        found = subscription_pb2.Account(name=request.name, budget_notices=[told])
        return pb.GetAccountResponse(account=found)

    line.script.answers["GetAccount"] = account
    line.script.answers["ListAccounts"] = lambda _: pb.ListAccountsResponse(
        accounts=[subscription_pb2.Account(name="acc_1")], next_page_token="more"
    )
    client = GrpcSubscription(line.channel)
    passed = PassedThreshold(Threshold(100, "forecast"), Money("usd", 10_400), MARCH)
    assert await client.budget_notices("acc_1") == [
        BudgetNotice("acc_1", "bud_1", "Ours", "2026-03", Money("usd", 10_000), [passed])
    ]
    assert await client.visible_accounts(3) == ["acc_1"]
    assert [request.page_size for request in line.script.asked[1:]] == [3]
