"""Server-side apply: ownership, conflicts, pruning."""

from typing import Any

from tests.contract.kubernetes.cluster import JSON_PATCH, MERGE, Answer, Cluster
from tests.contract.kubernetes.objects import config_map, container, deployment

MAIN = 'k:{"name":"main"}'


async def _path(cluster: Cluster, name: str = "one") -> str:
    return f"/api/v1/namespaces/{await cluster.namespace()}/configmaps/{name}"


async def _deployments(cluster: Cluster) -> str:
    return f"/apis/apps/v1/namespaces/{await cluster.namespace()}/deployments/web"


def _containers(answer: Answer) -> Any:
    return answer.body["spec"]["template"]["spec"]["containers"]


async def test_applying_a_missing_object_creates_it_under_its_manager(cluster: Cluster) -> None:
    path = await _path(cluster)
    answer = await cluster.apply(path, config_map("one", a="1"), "alice")
    assert answer.status == 201
    assert answer.managers() == {("alice", "Apply"): {"f:data": {"f:a": {}}}}


async def test_applying_the_same_again_keeps_the_version(cluster: Cluster) -> None:
    path = await _path(cluster)
    first = await cluster.apply(path, config_map("one", a="1"))
    second = await cluster.apply(path, config_map("one", a="1"))
    assert second.status == 200
    assert second.version == first.version


async def test_the_dynamic_client_applies(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    maps = await cluster.resource("v1", "ConfigMap")
    for value in ("1", "2"):
        body = config_map("one", a=value)
        found = await maps.server_side_apply(body=body, namespace=namespace, field_manager="m")
        assert found.data.a == value


async def test_another_managers_field_conflicts_with_its_path(cluster: Cluster) -> None:
    path = await _path(cluster)
    await cluster.apply(path, config_map("one", a="1"), "alice")
    answer = await cluster.apply(path, config_map("one", a="2"), "bob")
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    cause = answer.body["details"]["causes"][0]
    assert cause["reason"] == "FieldManagerConflict"
    assert cause["field"] == ".data.a"
    assert 'conflict with "alice"' in cause["message"]
    assert (await cluster.call("GET", path)).body["data"] == {"a": "1"}


async def test_the_same_value_is_shared_without_conflict(cluster: Cluster) -> None:
    path = await _path(cluster)
    await cluster.apply(path, config_map("one", a="1"), "alice")
    answer = await cluster.apply(path, config_map("one", a="1", b="2"), "bob")
    owned = answer.managers()
    assert owned["alice", "Apply"] == {"f:data": {"f:a": {}}}
    assert owned["bob", "Apply"] == {"f:data": {"f:a": {}, "f:b": {}}}


async def test_force_takes_the_field_over(cluster: Cluster) -> None:
    path = await _path(cluster)
    await cluster.apply(path, config_map("one", a="1", b="1"), "alice")
    answer = await cluster.apply(path, config_map("one", a="2"), "bob", force="true")
    assert answer.body["data"] == {"a": "2", "b": "1"}
    owned = answer.managers()
    assert owned["alice", "Apply"] == {"f:data": {"f:b": {}}}
    assert owned["bob", "Apply"] == {"f:data": {"f:a": {}}}


async def test_what_a_manager_no_longer_applies_is_pruned(cluster: Cluster) -> None:
    path = await _path(cluster)
    await cluster.apply(path, config_map("one", a="1", b="1"), "alice")
    await cluster.apply(path, config_map("one", b="1", c="1"), "bob")
    answer = await cluster.apply(path, config_map("one", a="1"), "alice")
    assert answer.body["data"] == {"a": "1", "b": "1", "c": "1"}
    answer = await cluster.apply(path, config_map("one", c="1"), "bob")
    assert answer.body["data"] == {"a": "1", "c": "1"}


async def test_a_container_is_merged_by_name_and_pruned_whole(cluster: Cluster) -> None:
    path = await _deployments(cluster)
    body = deployment("web", 0)
    pod_spec = body["spec"]["template"]["spec"]
    pod_spec["containers"].append(container("side"))
    first = await cluster.apply(path, body)
    fields = first.managers()["tester", "Apply"]["f:spec"]["f:template"]["f:spec"]
    assert fields["f:containers"][MAIN]["f:image"] == {}
    del pod_spec["containers"][1]
    second = await cluster.apply(path, body)
    assert [item["name"] for item in _containers(second)] == ["main"]


async def test_list_keys_take_their_defaults(cluster: Cluster) -> None:
    path = await _deployments(cluster)
    body = deployment("web", 0)
    main = body["spec"]["template"]["spec"]["containers"][0]
    main["ports"] = [{"containerPort": 80}]
    main["env"] = [{"name": "A", "value": "1"}]
    answer = await cluster.apply(path, body)
    fields = answer.managers()["tester", "Apply"]["f:spec"]["f:template"]["f:spec"]
    assert 'k:{"containerPort":80,"protocol":"TCP"}' in fields["f:containers"][MAIN]["f:ports"]
    assert 'k:{"name":"A"}' in fields["f:containers"][MAIN]["f:env"]
    again = await cluster.apply(path, body)
    assert again.body["metadata"]["generation"] == answer.body["metadata"]["generation"]
    assert again.managers()["tester", "Apply"] == answer.managers()["tester", "Apply"]


async def test_two_managers_share_an_object_in_parts(cluster: Cluster) -> None:
    path = await _deployments(cluster)
    body = deployment("web", 1)
    await cluster.apply(path, body, "alice")
    side = {"spec": {"template": {"spec": {"containers": [container("side")]}}}}
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    answer = await cluster.apply(path, head | side, "bob")
    assert [item["name"] for item in _containers(answer)] == ["main", "side"]
    del body["spec"]["replicas"]
    answer = await cluster.apply(path, body, "alice")
    assert [item["name"] for item in _containers(answer)] == ["main", "side"]


async def test_an_update_owns_what_it_changed_and_conflicts_with_an_apply(
    cluster: Cluster,
) -> None:
    path = await _deployments(cluster)
    await cluster.apply(path, deployment("web", 1), "alice")
    patch = {"spec": {"replicas": 3}}
    answer = await cluster.call("PATCH", path, patch, content_type=MERGE, fieldManager="hand")
    assert answer.managers()["hand", "Update"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in answer.managers()["alice", "Apply"]["f:spec"]
    refused = await cluster.apply(path, deployment("web", 1), "alice")
    assert refused.status == 409
    assert refused.body["details"]["causes"][0]["field"] == ".spec.replicas"


async def test_a_uid_in_the_body_keeps_an_apply_from_making_or_taking_another(
    cluster: Cluster,
) -> None:
    path = await _path(cluster)
    body = config_map("one", a="1")
    body["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    assert (await cluster.apply(path, body)).status == 409
    assert (await cluster.call("GET", path)).status == 404
    await cluster.apply(path, config_map("one", a="1"))
    refused = await cluster.apply(path, body)
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert refused.body["details"]["causes"][0]["field"] == "metadata.uid"
    body["metadata"]["resourceVersion"] = "1"
    assert (await cluster.apply(path, body)).status == 409


async def test_a_version_alone_does_not_keep_an_apply_from_making_the_object_again(
    cluster: Cluster,
) -> None:
    path = await _path(cluster)
    made = await cluster.apply(path, config_map("one", a="1"))
    await cluster.call("DELETE", path)
    body = config_map("one", a="1")
    body["metadata"]["resourceVersion"] = made.version
    assert (await cluster.apply(path, body)).status == 201
    await cluster.call("DELETE", path)
    body["metadata"]["uid"] = made.body["metadata"]["uid"]
    assert (await cluster.apply(path, body)).status == 409


async def test_a_version_in_the_body_is_a_precondition(cluster: Cluster) -> None:
    path = await _path(cluster)
    made = await cluster.apply(path, config_map("one", a="1"))
    stale = config_map("one", a="2")
    stale["metadata"]["resourceVersion"] = "1"
    assert (await cluster.apply(path, stale)).status == 409
    stale["metadata"]["resourceVersion"] = made.version
    assert (await cluster.apply(path, stale)).body["data"] == {"a": "2"}


async def test_an_update_entry_can_be_turned_into_an_apply_entry(cluster: Cluster) -> None:
    path = await _path(cluster)
    parent = path.rpartition("/")[0]
    made = await cluster.call("POST", parent, config_map("one", a="1", b="1"), fieldManager="old")
    entries = made.body["metadata"]["managedFields"]
    assert [entry["operation"] for entry in entries] == ["Update"]
    entries[0] |= {"operation": "Apply", "manager": "new"}
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": made.version},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ]
    changed = await cluster.call("PATCH", path, patch, content_type=JSON_PATCH)
    assert list(changed.managers()) == [("new", "Apply")]
    answer = await cluster.apply(path, config_map("one", a="1"), "new")
    assert answer.body["data"] == {"a": "1"}


async def test_apply_needs_a_manager_and_brings_no_ownership(cluster: Cluster) -> None:
    path = await _path(cluster)
    content_type = "application/apply-patch+yaml"
    answer = await cluster.call("PATCH", path, config_map("one"), content_type=content_type)
    assert answer.status in (400, 422)
    body = config_map("one")
    body["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply"}]
    assert (await cluster.apply(path, body)).status == 400


async def test_status_is_owned_under_its_subresource(cluster: Cluster) -> None:
    path = await _deployments(cluster)
    await cluster.apply(path, deployment("web", 0), "alice")
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "status": {"collisionCount": 3},
    }
    answer = await cluster.apply(f"{path}/status", body, "bob")
    entry = next(e for e in answer.body["metadata"]["managedFields"] if e["manager"] == "bob")
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:collisionCount": {}}}
    assert answer.body["status"]["collisionCount"] == 3
