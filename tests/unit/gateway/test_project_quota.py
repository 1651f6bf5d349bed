"""Document 001: a project's own quota, in its words, and who may see and set it."""

import pytest

from services.chassis.errors import FailedPrecondition, InvalidArgument, Violations
from tests.unit.gateway.world import WEB, World

PATH = "/api/manage-organization/projects/web/quota"
SHOP = "/api/manage-organization/projects/shop/quota"
NOWHERE = "/api/manage-organization/projects/nowhere/quota"


async def test_everybody_with_access_sees_what_bounds_the_project(world: World) -> None:
    for role in ("admin", "user"):
        answer = await world.call(role, "GET", PATH)
        assert answer.status_code == 200
        assert answer.json()["data"] == {
            "project": "web",
            "namespace": "acme-web",
            "perProjectQuotaSet": False,
            "hrq": {"hard": {"requests.cpu": "4800m"}, "used": {"requests.cpu": "1200m"}},
            "projectQuota": {"hard": {}, "used": {}},
            "limitRange": {
                "limits": [
                    {
                        "type": "Container",
                        "default": {"cpu": "500m"},
                        "defaultRequest": {"cpu": "100m"},
                    }
                ]
            },
        }


@pytest.mark.parametrize(
    ("role", "path", "namespace", "available"),
    [
        ("user", SHOP, "acme-shop", ["acme-web"]),
        ("user", NOWHERE, "acme-nowhere", ["acme-web"]),
        ("guest", PATH, "acme-web", []),
    ],
)
async def test_a_namespace_that_the_token_does_not_name_is_denied_in_the_documents_words(
    world: World, role: str, path: str, namespace: str, available: list[str]
) -> None:
    answer = await world.call(role, "GET", path)
    body = answer.json()
    assert (answer.status_code, body["success"], body["error"]) == (
        403,
        False,
        "Access denied to namespace",
    )
    assert body["details"] == {"namespace": namespace, "availableNamespaces": available}
    assert body["timestamp"].endswith("Z")


@pytest.mark.parametrize("role", ["platform"])
async def test_who_is_in_no_organization_has_no_namespace(world: World, role: str) -> None:
    assert (await world.call(role, "GET", PATH)).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("role", ["user", "guest", "platform"])
async def test_only_an_admin_of_the_organization_changes_it(
    world: World, role: str, method: str
) -> None:
    answer = await world.call(role, method, PATH, {"cpu": 2})
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "Organization admin access required",
    )
    assert (world.provisioner.changes, world.provisioner.removals) == ([], [])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nobody_passes_without_a_token(world: World, method: str) -> None:
    answer = await world.call("", method, PATH)
    assert (answer.status_code, answer.json()["error"]) == (401, "Authentication token required")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_the_organization_is_the_tokens(world: World, method: str) -> None:
    answer = await world.call("other", method, PATH, {})
    assert (answer.status_code, answer.json()["code"]) == (404, "PROJECT_NOT_FOUND")


async def test_numbers_are_cores_and_gib_texts_are_quantities_and_null_lifts(
    world: World,
) -> None:
    body = {"cpu": 2.5, "memory": "4Gi", "storage": 20, "pods": 50}
    answer = await world.call("admin", "PUT", PATH, body, **{"Idempotency-Key": "one"})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["perProjectQuotaSet"] is True
    assert data["projectQuota"]["hard"] == {
        "requests.cpu": "2.5",
        "requests.memory": "4Gi",
        "requests.storage": "20Gi",
        "pods": "50",
    }
    await world.call("admin", "PUT", PATH, {"memory": None, "cpu": 0})
    first, second = world.provisioner.changes
    assert (first.organization, first.project, first.request_id) == ("acme", "web", "one")
    assert second.caps == {"memory": None, "cpu": "0"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cpu": "lots"}, "cpu"),
        ({"cpu": True}, "cpu"),
        ({"memory": -1}, "memory"),
        ({"memory": "-1Gi"}, "memory"),
        ({"storage": [1]}, "storage"),
        ({"pods": {"most": 1}}, "pods"),
        ({"pods": 10**13}, "pods"),
        ({"cpu": 1e-300}, "cpu"),
        ({"cpu": 1e300}, "cpu"),
    ],
)
async def test_what_is_no_amount_is_refused_by_its_field(
    world: World, body: object, field: str
) -> None:
    answer = await world.call("admin", "PUT", PATH, body)
    assert answer.status_code == 400
    assert list(answer.json()["details"]["fields"]) == [field]
    assert world.provisioner.changes == []


async def test_above_the_organizations_own_limit_says_of_what_and_how_much(world: World) -> None:
    told = {"pods": "300 > 200", "requests.cpu": "12 > 10800m"}
    world.provisioner.refusal = InvalidArgument(
        "Above the organization's own limit.", reason="QUOTA_EXCEEDED", metadata=told
    )
    answer = await world.call("admin", "PUT", PATH, {"cpu": 12, "pods": 300})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "QUOTA_EXCEEDED")
    assert body["details"] == [
        {"quota_key": "pods", "requested": "300", "organization_hard": "200"},
        {"quota_key": "requests.cpu", "requested": "12", "organization_hard": "10800m"},
    ]


async def test_what_the_provisioner_refuses_has_the_fields_of_the_body(world: World) -> None:
    bad = Violations()
    bad.add("hard['pods']", "expected no part of the smallest unit")
    try:
        bad.raise_if_any()
    except InvalidArgument as refusal:
        world.provisioner.refusal = refusal
    answer = await world.call("admin", "PUT", PATH, {"pods": "1500m"})
    body = answer.json()
    assert (answer.status_code, body["error"]) == (
        400,
        "pods: expected no part of the smallest unit",
    )
    assert list(body["details"]["fields"]) == ["pods"]


async def test_a_cluster_that_keeps_the_object_for_another_is_a_conflict(world: World) -> None:
    world.provisioner.refusal = FailedPrecondition("kept", reason="PROJECT_QUOTA_FORBIDDEN")
    answer = await world.call("admin", "PUT", PATH, {"cpu": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "PROJECT_QUOTA_FORBIDDEN")


async def test_removing_leaves_no_quota_of_its_own(world: World) -> None:
    await world.call("admin", "PUT", PATH, {"cpu": 1})
    answer = await world.call("admin", "DELETE", PATH, **{"Idempotency-Key": "two"})
    assert answer.json()["data"]["perProjectQuotaSet"] is False
    assert world.provisioner.removals == [("web", "two")]
    assert world.provisioner.projects["acme", "web"] == WEB


async def test_a_project_that_is_not_there_is_not_found_and_a_cluster_away_unreachable(
    world: World,
) -> None:
    answer = await world.call("admin", "GET", NOWHERE)
    assert (answer.status_code, answer.json()["code"]) == (404, "PROJECT_NOT_FOUND")
    world.provisioner.away = True
    away = await world.call("admin", "GET", PATH)
    assert (away.status_code, away.json()["error"]) == (503, "Billing service unreachable")


async def test_a_name_that_no_project_has_is_refused(world: World) -> None:
    answer = await world.call("admin", "GET", "/api/manage-organization/projects/A_b/quota")
    assert answer.status_code == 400


async def test_other_paths_of_organizations_are_not_ours(world: World) -> None:
    answer = await world.call("admin", "GET", "/api/manage-organization/projects")
    assert (answer.status_code, answer.json()["error"]) == (404, "Not found")
