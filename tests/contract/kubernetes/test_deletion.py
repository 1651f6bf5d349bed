"""Deletion: preconditions, finalizers, owners, namespaces."""

from typing import Any

from tests.contract.kubernetes.cluster import MERGE, Cluster, eventually
from tests.contract.kubernetes.objects import config_map


async def _path(cluster: Cluster) -> str:
    return f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"


def _owned_by(owner: Any, name: str, *, block: bool = False) -> dict[str, Any]:
    obj = config_map(name)
    obj["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
    ]
    return obj


async def _gone(cluster: Cluster, path: str) -> None:
    await cluster.until(path, lambda answer: answer.status == 404)


async def test_preconditions_guard_a_deletion(cluster: Cluster) -> None:
    path = await _path(cluster)
    made = await cluster.call("POST", path, config_map("one"))
    for wrong in ({"uid": "another"}, {"resourceVersion": "1"}):
        body = {"preconditions": wrong}
        answer = await cluster.call("DELETE", f"{path}/one", body)
        assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    body = {"preconditions": {"uid": made.body["metadata"]["uid"], "resourceVersion": made.version}}
    answer = await cluster.call("DELETE", f"{path}/one", body)
    assert answer.body["status"] == "Success"
    assert answer.body["details"]["uid"] == made.body["metadata"]["uid"]


async def test_an_object_stays_until_its_finalizers_are_gone(cluster: Cluster) -> None:
    path = await _path(cluster)
    body = config_map("one")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.call("POST", path, body)
    marked = await cluster.call("DELETE", f"{path}/one")
    assert marked.body["metadata"]["deletionTimestamp"]
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    refused = await cluster.call("PATCH", f"{path}/one", more, content_type=MERGE)
    assert refused.status == 422
    freed = {"metadata": {"finalizers": None}}
    await cluster.call("PATCH", f"{path}/one", freed, content_type=MERGE)
    assert (await cluster.call("GET", f"{path}/one")).status == 404


async def test_dependents_follow_their_last_owner(cluster: Cluster) -> None:
    path = await _path(cluster)
    owner = await cluster.call("POST", path, config_map("owner"))
    await cluster.call("POST", path, _owned_by(owner.body, "child"))
    await cluster.call("DELETE", f"{path}/owner")
    await _gone(cluster, f"{path}/child")


async def test_orphaned_dependents_stay_and_lose_their_reference(cluster: Cluster) -> None:
    path = await _path(cluster)
    owner = await cluster.call("POST", path, config_map("owner"))
    await cluster.call("POST", path, _owned_by(owner.body, "child"))
    await cluster.call("DELETE", f"{path}/owner", {"propagationPolicy": "Orphan"})
    await _gone(cluster, f"{path}/owner")
    child = await cluster.call("GET", f"{path}/child")
    assert "ownerReferences" not in child.body["metadata"]


async def test_in_the_foreground_the_owner_goes_last(cluster: Cluster) -> None:
    path = await _path(cluster)
    owner = await cluster.call("POST", path, config_map("owner"))
    child = _owned_by(owner.body, "child", block=True)
    child["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.call("POST", path, child)
    answer = await cluster.call("DELETE", f"{path}/owner", {"propagationPolicy": "Foreground"})
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    await cluster.until(
        f"{path}/child", lambda found: found.body["metadata"].get("deletionTimestamp")
    )
    assert (await cluster.call("GET", f"{path}/owner")).status == 200
    freed = {"metadata": {"finalizers": None}}
    await cluster.call("PATCH", f"{path}/child", freed, content_type=MERGE)
    await _gone(cluster, f"{path}/owner")


async def test_a_namespace_terminates_with_its_content(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    here = f"/api/v1/namespaces/{namespace}"
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.call("POST", f"{here}/configmaps", held)
    await cluster.call("POST", f"{here}/configmaps", config_map("free"))
    answer = await cluster.call("DELETE", here)
    assert answer.body["status"]["phase"] == "Terminating"
    await _gone(cluster, f"{here}/configmaps/free")
    refused = await cluster.call("POST", f"{here}/configmaps", config_map("late"))
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert "because it is being terminated" in refused.body["message"]
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    freed = {"metadata": {"finalizers": None}}
    await cluster.call("PATCH", f"{here}/configmaps/held", freed, content_type=MERGE)
    await _gone(cluster, here)


async def test_a_name_can_be_used_again_with_another_uid(cluster: Cluster) -> None:
    path = await _path(cluster)
    first = await cluster.call("POST", path, config_map("one"))
    await cluster.call("DELETE", f"{path}/one")

    async def made_again() -> Any:
        answer = await cluster.call("POST", path, config_map("one"))
        return answer.body if answer.status == 201 else None

    second = await eventually(made_again)
    assert second["metadata"]["uid"] != first.body["metadata"]["uid"]
