"""The state that a change is made of: ETag on answers, If-Match and the field of changes."""

import pytest

from tests.unit.gateway.test_costs import BUDGETS, WISH
from tests.unit.gateway.world import CONSOLE, World

BUDGET = f"{BUDGETS}/bud_1"
STALE = (412, "ETAG_MISMATCH")


@pytest.fixture
async def kept(world: World) -> World:
    made = await world.call("admin", "POST", BUDGETS, WISH)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    world.costs.asked.clear()
    return world


async def test_answers_carry_the_state_that_they_show(kept: World) -> None:
    read = await kept.call("admin", "GET", BUDGET)
    assert (read.headers["etag"], read.json()["etag"]) == ('"1"', "1")
    changed = await kept.call("admin", "PUT", BUDGET, WISH, **{"If-Match": read.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


@pytest.mark.parametrize(("method", "done"), [("PUT", 200), ("DELETE", 204)])
async def test_a_change_of_another_state_than_the_newest_is_refused(
    kept: World, method: str, done: int
) -> None:
    body = WISH if method == "PUT" else None
    await kept.call("admin", "PUT", BUDGET, WISH)
    for tag in ('"1"', 'W/"2"'):
        stale = await kept.call("admin", method, BUDGET, body, **{"If-Match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "ETAG_MISMATCH")
    answer = await kept.call("admin", method, BUDGET, body, **{"If-Match": '"2"'})
    assert answer.status_code == done


@pytest.mark.parametrize(("method", "done"), [("PUT", 200), ("DELETE", 204)])
async def test_any_state_is_changed_without_a_header_or_with_a_star(
    kept: World, method: str, done: int
) -> None:
    body = WISH if method == "PUT" else None
    await kept.call("admin", "PUT", BUDGET, WISH)
    answer = await kept.call("admin", method, BUDGET, body, **{"If-Match": "*"})
    assert answer.status_code == done


async def test_a_star_does_not_widen_what_the_field_says(kept: World) -> None:
    await kept.call("admin", "PUT", BUDGET, WISH)
    stale = await kept.call("admin", "PUT", BUDGET, WISH | {"etag": "1"}, **{"If-Match": "*"})
    assert stale.status_code == 412


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_header_and_a_field_that_disagree_are_both_named(kept: World, method: str) -> None:
    path, body = (BUDGET, WISH | {"etag": "7"}) if method == "PUT" else (f"{BUDGET}?etag=7", None)
    answer = await kept.call("admin", method, path, body, **{"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELDS")
    assert answer.json()["fields"] == {
        "If-Match": "expected the state that etag names, 7, or no etag",
        "etag": "expected the state that If-Match names, 1, or none",
    }
    assert kept.costs.asked == []
    agreed = path.replace("7", "1"), body and body | {"etag": "1"}
    assert (await kept.call("admin", method, *agreed, **{"If-Match": '"1"'})).is_success


@pytest.mark.parametrize("tag", ["1", '""', '"1", "2"', 'w/"1"', "x" * 256])
async def test_a_header_that_is_no_one_tag_is_refused_by_its_name(kept: World, tag: str) -> None:
    answer = await kept.call("admin", "PUT", BUDGET, WISH, **{"If-Match": tag})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["If-Match"]
    assert kept.costs.asked == []


async def test_openapi_says_where_the_headers_are(world: World) -> None:
    paths = (await world.call("", "GET", "/openapi.json")).json()["paths"]
    one = paths["/api/tollgate/budgets/{budget}"]
    for method in ("put", "delete"):
        headers = [part["name"] for part in one[method]["parameters"] if part["in"] == "header"]
        assert set(headers) == {"Idempotency-Key", "If-Match"}
    made = paths["/api/tollgate/budgets"]["post"]["responses"]["201"]
    for answer in (one["get"]["responses"]["200"], one["put"]["responses"]["200"], made):
        assert "ETag" in answer["headers"]
        assert answer["description"]
        assert answer["content"]["application/json"]["schema"]["$ref"].endswith("BudgetAnswer")


async def test_a_page_of_the_console_may_send_and_read_them(kept: World) -> None:
    asked = {
        "Origin": CONSOLE,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "if-match",
    }
    assert (await kept.http.options(BUDGET, headers=asked)).status_code == 200
    read = await kept.call("admin", "GET", BUDGET, Origin=CONSOLE)
    assert "ETag" in read.headers["access-control-expose-headers"]
