"""Strategic merge patches: what `kubectl apply`, `patch` and `rollout restart` send."""

from typing import Any
from uuid import uuid4

import pytest

from tests.contract.kubernetes.cluster import STRATEGIC, Answer, Cluster
from tests.contract.kubernetes.objects import config_map, container, definition, deployment


async def _made(cluster: Cluster) -> str:
    """A deployment of three containers, a and b with an environment, on no pods."""
    base = f"/apis/apps/v1/namespaces/{await cluster.namespace()}/deployments"
    body = deployment("web", replicas=0)
    env = [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]
    names = ("a", "b", "c")
    spec = body["spec"]["template"]["spec"]
    spec["containers"] = [container(name, env=env) for name in names]
    spec["volumes"] = [{"name": "v", "emptyDir": {}}]
    spec["tolerations"] = [{"key": "k", "operator": "Exists"}]
    assert (await cluster.call("POST", base, body)).status == 201
    return f"{base}/web"


async def _patched(cluster: Cluster, path: str, pod_spec: dict[str, Any]) -> dict[str, Any]:
    answer = await _patch(cluster, path, {"spec": {"template": {"spec": pod_spec}}})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body["spec"]["template"]["spec"]
    return found


async def _patch(cluster: Cluster, path: str, patch: Any) -> Answer:
    return await cluster.call("PATCH", path, patch, content_type=STRATEGIC)


def _names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


async def test_items_of_a_list_are_merged_by_their_key(cluster: Cluster) -> None:
    path = await _made(cluster)
    env = [{"name": "Y", "value": "9"}, {"name": "Z", "value": "3"}]
    found = await _patched(cluster, path, {"containers": [{"name": "b", "env": env}]})
    assert _names(found["containers"]) == ["a", "b", "c"]
    merged = found["containers"][1]
    assert merged["image"] == "registry.example/app:1"
    assert {item["name"]: item["value"] for item in merged["env"]} == {"X": "1", "Y": "9", "Z": "3"}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["c", "a", "b"], ["c", "a", "b"]),
        (["new", "a"], ["new", "a", "b", "c"]),
        (["c", "new"], ["a", "b", "c", "new"]),
        (["b", "new", "a"], ["b", "new", "a", "c"]),
        (["c", "b"], ["a", "c", "b"]),
    ],
)
async def test_a_patch_may_set_the_order(
    cluster: Cluster, order: list[str], expected: list[str]
) -> None:
    path = await _made(cluster)
    patch: dict[str, Any] = {"$setElementOrder/containers": [{"name": name} for name in order]}
    if "new" in order:
        patch["containers"] = [container("new")]
    found = await _patched(cluster, path, patch)
    assert _names(found["containers"]) == expected


async def test_new_items_stand_where_the_real_server_puts_them(cluster: Cluster) -> None:
    path = await _made(cluster)
    found = await _patched(
        cluster, path, {"containers": [container("new"), {"name": "b", "image": "other:1"}]}
    )
    assert _names(found["containers"]) == ["new", "a", "b", "c"]


async def test_an_item_is_deleted_by_a_directive(cluster: Cluster) -> None:
    path = await _made(cluster)
    gone = {"name": "b", "$patch": "delete"}
    found = await _patched(cluster, path, {"containers": [gone]})
    assert _names(found["containers"]) == ["a", "c"]


async def test_a_list_is_replaced_by_a_directive(cluster: Cluster) -> None:
    path = await _made(cluster)
    found = await _patched(cluster, path, {"containers": [{"$patch": "replace"}, container("z")]})
    assert _names(found["containers"]) == ["z"]


async def test_a_map_is_replaced_by_a_directive(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    await cluster.call("POST", path, config_map("one", a="1", b="2"))
    patch = {"data": {"$patch": "replace", "c": "3"}}
    assert (await _patch(cluster, f"{path}/one", patch)).body["data"] == {"c": "3"}
    cleared = await _patch(cluster, f"{path}/one", {"data": {"$patch": "delete"}})
    assert not cleared.body.get("data")


async def test_keys_that_are_not_retained_go(cluster: Cluster) -> None:
    path = await _made(cluster)
    volume = {"name": "v", "configMap": {"name": "one"}, "$retainKeys": ["name", "configMap"]}
    found = await _patched(cluster, path, {"volumes": [volume]})
    (kept,) = found["volumes"]
    assert set(kept) == {"name", "configMap"}


async def test_lists_without_a_key_are_replaced(cluster: Cluster) -> None:
    path = await _made(cluster)
    found = await _patched(cluster, path, {"tolerations": [{"key": "n", "operator": "Exists"}]})
    assert [item["key"] for item in found["tolerations"]] == ["n"]


async def test_plain_values_are_added_and_taken_from_a_list(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    await cluster.call("POST", path, config_map("one"))
    for patch, expected in (
        ({"finalizers": ["example.com/a"]}, {"example.com/a"}),
        ({"finalizers": ["example.com/b"]}, {"example.com/a", "example.com/b"}),
        ({"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}, {"example.com/b"}),
        ({"$deleteFromPrimitiveList/finalizers": ["example.com/b"]}, set()),
    ):
        answer = await _patch(cluster, f"{path}/one", {"metadata": patch})
        assert set(answer.body["metadata"].get("finalizers", [])) == expected


async def test_a_null_removes_and_leaves_nothing_behind(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    await cluster.call("POST", path, config_map("one", a="1"))
    patch = {"data": {"a": None, "b": None}, "metadata": {"labels": {"x": None, "y": "z"}}}
    found = (await _patch(cluster, f"{path}/one", patch)).body
    assert not found.get("data")
    assert found["metadata"]["labels"] == {"y": "z"}


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"template": {"spec": {"containers": [{"image": "x"}]}}}, 500),
        ({"template": {"spec": {"$patch": "burn"}}}, 500),
        ({"replicas": "many"}, 422),
    ],
)
async def test_a_wrong_patch_is_refused(
    cluster: Cluster, spec: dict[str, Any], status: int
) -> None:
    path = await _made(cluster)
    assert (await _patch(cluster, path, {"spec": spec})).status == status


async def test_custom_resources_take_none(cluster: Cluster) -> None:
    group = f"t{uuid4().hex[:8]}.example.com"
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await cluster.call("POST", crds, definition(group))).status == 201
    await cluster.until(f"/apis/{group}/v1", lambda answer: answer.status == 200)
    path = f"/apis/{group}/v1/namespaces/{await cluster.namespace()}/widgets/one"
    answer = await _patch(cluster, path, {"spec": {"size": 3}})
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
    await cluster.call("DELETE", f"{crds}/widgets.{group}")
