"""Merge patch, JSON patch, and what is refused."""

from tests.contract.kubernetes.cluster import JSON_PATCH, MERGE, Cluster
from tests.contract.kubernetes.objects import config_map


async def _made(cluster: Cluster, **data: str) -> str:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    answer = await cluster.call("POST", path, config_map("one", None, **data))
    assert answer.status == 201
    return f"{path}/one"


async def test_a_merge_patch_sets_and_a_null_removes(cluster: Cluster) -> None:
    path = await _made(cluster, a="1", b="2")
    patch = {"data": {"a": None, "c": "3"}}
    answer = await cluster.call("PATCH", path, patch, content_type=MERGE)
    assert answer.body["data"] == {"b": "2", "c": "3"}


async def test_a_merge_patch_with_an_old_version_is_a_conflict(cluster: Cluster) -> None:
    path = await _made(cluster, a="1")
    patch = {"metadata": {"resourceVersion": "1"}, "data": {"a": "2"}}
    answer = await cluster.call("PATCH", path, patch, content_type=MERGE)
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


async def test_json_patch_operations_apply_in_order(cluster: Cluster) -> None:
    path = await _made(cluster, a="1")
    patch = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "copy", "from": "/data/a", "path": "/data/b"},
        {"op": "move", "from": "/data/a", "path": "/data/c"},
        {"op": "add", "path": "/metadata/labels", "value": {"x~y": "no"}},
        {"op": "remove", "path": "/metadata/labels/x~0y"},
        {"op": "replace", "path": "/data/c", "value": "9"},
    ]
    answer = await cluster.call("PATCH", path, patch, content_type=JSON_PATCH)
    assert answer.status == 200
    assert answer.body["data"] == {"b": "1", "c": "9"}


async def test_a_failed_test_operation_is_422_and_changes_nothing(cluster: Cluster) -> None:
    path = await _made(cluster, a="1")
    patch = [
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
    ]
    answer = await cluster.call("PATCH", path, patch, content_type=JSON_PATCH)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert (await cluster.call("GET", path)).body["data"] == {"a": "1"}


async def test_a_claim_by_label_is_won_by_one_racer(cluster: Cluster) -> None:
    path = await _made(cluster, a="1")
    found = await cluster.call("GET", path)
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": found.version},
        {"op": "add", "path": "/metadata/labels", "value": {"state": "claimed"}},
    ]
    answers = [await cluster.call("PATCH", path, patch, content_type=JSON_PATCH) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 422, 422]


async def test_patching_what_is_not_there_is_not_found(cluster: Cluster) -> None:
    path = await _made(cluster)
    answer = await cluster.call("PATCH", f"{path}-not", {"data": {}}, content_type=MERGE)
    assert answer.status == 404
