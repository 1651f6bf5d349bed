"""Lists: selectors and pages."""

import pytest

from tests.contract.kubernetes.cluster import Cluster
from tests.contract.kubernetes.objects import config_map

LABELS = {
    "a": {"tier": "web", "state": "idle"},
    "b": {"tier": "web"},
    "c": {"tier": "db", "state": "busy"},
    "d": {"state": "idle"},
}


async def _filled(cluster: Cluster) -> str:
    namespace = await cluster.namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await cluster.until(f"{path}/kube-root-ca.crt", lambda answer: answer.status == 200)
    for name, labels in LABELS.items():
        await cluster.call("POST", path, config_map(name, labels))
    return path


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier=web", "ab"),
        ("tier==web,state=idle", "a"),
        ("tier!=web,state", "cd"),
        ("tier in (web, db)", "abc"),
        ("tier notin (web),state", "cd"),
        ("state", "acd"),
        ("!state,tier", "b"),
    ],
)
async def test_label_selectors(cluster: Cluster, selector: str, names: str) -> None:
    path = await _filled(cluster)
    answer = await cluster.call("GET", path, labelSelector=selector)
    found = [item["metadata"]["name"] for item in answer.body["items"]]
    assert found == list(names)


async def test_field_selectors(cluster: Cluster) -> None:
    path = await _filled(cluster)
    answer = await cluster.call("GET", path, fieldSelector="metadata.name=b")
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["b"]
    everywhere = await cluster.call(
        "GET", "/api/v1/configmaps", fieldSelector=f"metadata.namespace={path.split('/')[4]}"
    )
    assert len(everywhere.body["items"]) == len(LABELS) + 1
    assert (await cluster.call("GET", path, fieldSelector="data.x=y")).status == 400
    assert (await cluster.call("GET", path, labelSelector="a=b=c")).status == 400


async def test_pages_show_one_moment(cluster: Cluster) -> None:
    path = await _filled(cluster)
    first = await cluster.call("GET", path, limit="2")
    await cluster.call("DELETE", f"{path}/c")
    await cluster.call("POST", path, config_map("bb"))
    names = [item["metadata"]["name"] for item in first.body["items"]]
    token = first.body["metadata"]["continue"]
    while token:
        page = await cluster.call("GET", path, **{"limit": "2", "continue": token})
        assert page.body["metadata"]["resourceVersion"] == first.version
        names += [item["metadata"]["name"] for item in page.body["items"]]
        token = page.body["metadata"].get("continue", "")
    assert names == ["a", "b", "c", "d", "kube-root-ca.crt"]
    assert first.body["metadata"]["remainingItemCount"] == 3


async def test_a_list_can_show_an_exact_version(cluster: Cluster) -> None:
    path = await _filled(cluster)
    before = await cluster.call("GET", path)
    await cluster.call("DELETE", f"{path}/a")
    exact = {"resourceVersion": before.version, "resourceVersionMatch": "Exact"}
    assert (await cluster.call("GET", path, **exact)).body["items"] == before.body["items"]
    assert (await cluster.call("GET", path, resourceVersionMatch="Exact")).status == 422


async def test_a_bad_continue_token_is_refused(cluster: Cluster) -> None:
    path = await _filled(cluster)
    answer = await cluster.call("GET", path, **{"continue": "nonsense"})
    assert answer.status == 400


async def test_deleting_a_collection_takes_what_the_selector_names(cluster: Cluster) -> None:
    path = await _filled(cluster)
    answer = await cluster.call("DELETE", path, labelSelector="tier=web")
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "b"]
    left = await cluster.call("GET", path, labelSelector="tier")
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["c"]
