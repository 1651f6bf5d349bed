"""An end that is asked for again, because its answer was lost, is the same end."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.ports import State
from tests.unit.gateway.world import HELD, World

PATH = "/api/billing/organization-subscription"
KEY = {"Idempotency-Key": "k1"}
BOUGHT_SINCE = replace(
    HELD,
    name="tsub_2",
    plan="kube-dc/dev-pool",
    plan_display_name="Dev Pool",
    create_time=datetime(2026, 3, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("query", ["", "?now=true"])
async def test_after_the_end_has_come_it_is_answered_as_the_first_time(
    world: World, query: str
) -> None:
    world.holds(HELD)
    first = await world.call("admin", "DELETE", PATH + query, **KEY)
    world.holds(replace(HELD, state=State.CANCELED))
    again = await world.call("admin", "DELETE", PATH + query, **KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["data"]["planId"] == first.json()["data"]["planId"]


async def test_it_does_not_end_what_was_bought_since(world: World) -> None:
    world.holds(HELD)
    first = await world.call("admin", "DELETE", f"{PATH}?now=true", **KEY)
    over = replace(HELD, state=State.CANCELED)
    earlier = replace(over, name="tsub_0", create_time=datetime(2026, 1, 1, tzinfo=UTC))
    world.holds(earlier, over, BOUGHT_SINCE)
    again = await world.call("admin", "DELETE", f"{PATH}?now=true", **KEY)
    assert again.status_code == 200
    assert again.json()["data"] == first.json()["data"]
    shown = (await world.call("admin", "GET", PATH)).json()["data"]
    assert (shown["planId"], shown["status"]) == ("dev-pool", "active")


async def test_a_key_that_was_used_for_another_end_is_refused(world: World) -> None:
    world.holds(HELD)
    await world.call("admin", "DELETE", PATH, **KEY)
    world.holds(replace(HELD, state=State.CANCELED), BOUGHT_SINCE)
    other = await world.call("admin", "DELETE", f"{PATH}?now=true", **KEY)
    assert (other.status_code, other.json()["code"]) == (400, "IDEMPOTENCY_KEY_REUSED")
    shown = (await world.call("admin", "GET", PATH)).json()["data"]
    assert shown["status"] == "active"


async def test_what_is_over_is_not_ended_under_another_key(world: World) -> None:
    world.holds(replace(HELD, state=State.CANCELED))
    answer = await world.call("admin", "DELETE", PATH, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "SUBSCRIPTION_OVER")
