"""Document 001: what an organization uses, its projects, and whether a smaller plan holds it."""

from dataclasses import replace

import pytest

from gateway.ports import QuotaBackend
from tests.fakes.gateway import NO_PROVIDER, exceeds
from tests.unit.gateway.world import HELD, QUOTA, World

USAGE = "/api/billing/quota-usage"
STATUS = "/api/billing/quota-status"
PROJECTS = "/api/billing/projects"
SIMULATE = "/api/billing/simulate-downgrade"


async def test_usage_counts_in_cores_and_gib(world: World) -> None:
    answer = await world.call("admin", "GET", USAGE)
    assert answer.json()["data"] == {
        "cpu": {"used": 4.2, "limit": 10.5},
        "memory": {"used": 12.5, "limit": 28},
        "storage": {"used": 0, "limit": 160},
        "pods": {"used": 23, "limit": 200},
        "ipv4": {"used": 1, "limit": None},
    }
    assert '"used":4.2,' in answer.text


async def test_usage_is_null_where_nothing_is_enforced(world: World) -> None:
    world.provisioner.quotas["acme"] = replace(QUOTA, backend=QuotaBackend.NONE, limits={})
    assert (await world.call("admin", "GET", USAGE)).json()["data"] is None
    del world.provisioner.quotas["acme"]
    assert (await world.call("admin", "GET", USAGE)).json()["data"] is None


@pytest.mark.parametrize("path", [USAGE, STATUS, PROJECTS])
async def test_a_cluster_that_is_away_is_billing_service_unreachable(
    world: World, path: str
) -> None:
    world.provisioner.away = True
    answer = await world.call("admin", "GET", path)
    assert (answer.status_code, answer.json()["error"]) == (503, "Billing service unreachable")


async def test_the_status_tells_of_the_quota_objects(world: World) -> None:
    world.holds(HELD)
    assert (await world.call("admin", "GET", STATUS)).json()["data"] == {
        "organization": "acme",
        "planId": "pro-pool",
        "status": "active",
        "enforced": True,
        "backend": "hierarchical",
        "hrq": {
            "name": "plan-quota",
            "exists": True,
            "hard": {"requests.cpu": "10800m", "requests.memory": "29056Mi"},
            "used": {"requests.cpu": "4200m", "requests.memory": "12800Mi", "pods": "23"},
        },
        "limitRange": {"name": "default-resource-limits", "exists": True, "autoManaged": True},
    }


async def test_the_status_of_who_has_nothing_is_that_nothing_stands(world: World) -> None:
    del world.provisioner.quotas["acme"]
    data = (await world.call("admin", "GET", STATUS)).json()["data"]
    assert (data["planId"], data["status"], data["enforced"]) == (None, None, False)
    assert data["hrq"] == {"name": "plan-quota", "exists": False, "hard": {}, "used": {}}
    assert data["limitRange"]["exists"] is False


@pytest.mark.parametrize(
    ("role", "namespaces"),
    [
        ("admin", ["acme-shop", "acme-web"]),
        ("user", ["acme-web"]),
        ("guest", []),
        ("other", []),
        ("platform", []),
    ],
)
async def test_projects_are_those_that_the_caller_may_enter(
    world: World, role: str, namespaces: list[str]
) -> None:
    projects = (await world.call(role, "GET", PROJECTS)).json()["data"]
    assert [project["namespace"] for project in projects] == namespaces


async def test_a_project_has_its_name_and_no_bill_yet(world: World) -> None:
    entry = {
        "namespace": "acme-web",
        "project": "web",
        "organization": "acme",
        "billing_summary": None,
    }
    assert (await world.call("user", "GET", PROJECTS)).json()["data"] == [entry]
    # A cluster without organizations: the token's own word.
    del world.provisioner.quotas["acme"]
    assert (await world.call("user", "GET", PROJECTS)).json()["data"] == [entry]


async def test_a_smaller_plan_that_holds_what_is_used_is_allowed(world: World) -> None:
    world.holds(HELD)
    world.payments.on = NO_PROVIDER
    answer = await world.call("admin", "POST", SIMULATE, {"planId": "dev-pool"})
    expected = {"allowed": True, "targetPlanId": "dev-pool", "violations": []}
    assert answer.json()["data"] == expected
    (asked,) = world.subscription.validated
    assert (asked.plan, asked.validate_only) == ("kube-dc/dev-pool", True)
    assert world.subscription.held["acc_acme"] == [HELD]


async def test_a_smaller_plan_that_does_not_says_why(world: World) -> None:
    world.holds(HELD)
    world.subscription.refusal = exceeds(cpu="6200m > 4", pods="many > 1")
    answer = await world.call("admin", "POST", SIMULATE, {"planId": "dev-pool"})
    assert (answer.status_code, answer.json()["data"]) == (
        200,
        {
            "allowed": False,
            "targetPlanId": "dev-pool",
            "violations": [
                {"resource": "cpu", "used": 6.2, "limit": 4, "unit": "cores"},
                {"resource": "pods", "used": None, "limit": 1, "unit": "pieces"},
            ],
        },
    )


async def test_simulating_needs_a_plan_that_is_known_and_something_held(world: World) -> None:
    nothing = await world.call("admin", "POST", SIMULATE, {"planId": "dev-pool"})
    assert (nothing.status_code, nothing.json()["code"]) == (404, "NO_SUBSCRIPTION")
    world.holds(HELD)
    missing = await world.call("admin", "POST", SIMULATE, {})
    assert (missing.status_code, missing.json()["error"]) == (400, "planId is required")
    unknown = await world.call("admin", "POST", SIMULATE, {"planId": "nope"})
    assert (unknown.status_code, unknown.json()["error"]) == (400, "Unknown plan: nope")
