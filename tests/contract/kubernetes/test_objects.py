"""Create, read, replace: metadata, names, conflicts, isolation of status."""

import pytest
from kubernetes.aio.dynamic.exceptions import ConflictError, NotFoundError

from tests.contract.kubernetes.cluster import MERGE, Cluster
from tests.contract.kubernetes.objects import config_map, deployment, pod


async def test_the_dynamic_client_creates_reads_replaces_and_deletes(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    maps = await cluster.resource("v1", "ConfigMap")
    made = await maps.create(body=config_map("one", a="1"), namespace=namespace)
    assert made.metadata.uid
    body = made.to_dict()
    body["data"] = {"a": "2"}
    replaced = await maps.replace(body=body, namespace=namespace)
    assert int(replaced.metadata.resourceVersion) > int(made.metadata.resourceVersion)
    assert (await maps.get(name="one", namespace=namespace)).data.a == "2"
    await maps.delete(name="one", namespace=namespace)
    with pytest.raises(NotFoundError):
        await maps.get(name="one", namespace=namespace)


async def test_discovery_knows_groups_short_names_and_subresources(cluster: Cluster) -> None:
    deployments = await cluster.resource("apps/v1", "Deployment")
    assert deployments.namespaced
    listed = await cluster.call("GET", "/apis/apps/v1")
    names = {item["name"]: item.get("shortNames") for item in listed.body["resources"]}
    assert names["deployments"] == ["deploy"]
    assert {"status", "scale"} <= set(deployments.subresources)
    groups = await cluster.call("GET", "/apis")
    assert "networking.k8s.io" in [group["name"] for group in groups.body["groups"]]
    assert (await cluster.call("GET", "/apis/apps/v7")).status == 404


async def test_health_is_open_and_the_version_is_told(cluster: Cluster) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await cluster.call("GET", path)).body == "ok"
    assert (await cluster.call("GET", "/version")).body["major"] == "1"


async def test_generate_name_gives_each_object_its_own_name(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    names = set()
    for _ in range(3):
        body = {"metadata": {"generateName": "many-"}}
        answer = await cluster.call("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
        names.add(answer.body["metadata"]["name"])
    assert len(names) == 3
    assert all(name.startswith("many-") and len(name) == 10 for name in names)


async def test_a_taken_name_is_already_exists(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    await cluster.call("POST", path, config_map("one"))
    answer = await cluster.call("POST", path, config_map("one"))
    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.body["message"] == 'configmaps "one" already exists'


async def test_a_bad_name_is_invalid_with_its_field(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    answer = await cluster.call("POST", path, config_map("Not_Valid"))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "metadata.name"
    assert (await cluster.call("POST", path, {"metadata": {}})).status == 422


async def test_creating_in_a_missing_namespace_is_not_found(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/never-made/configmaps"
    answer = await cluster.call("POST", path, config_map("one"))
    assert answer.status == 404
    assert answer.body["message"] == 'namespaces "never-made" not found'


async def test_replacing_an_outdated_version_is_a_conflict(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    maps = await cluster.resource("v1", "ConfigMap")
    old = (await maps.create(body=config_map("one", a="1"), namespace=namespace)).to_dict()
    await maps.replace(body={**old, "data": {"a": "2"}}, namespace=namespace)
    with pytest.raises(ConflictError):
        await maps.replace(body={**old, "data": {"a": "3"}}, namespace=namespace)


async def test_a_write_that_changes_nothing_keeps_the_version(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    made = await cluster.call("POST", path, config_map("one", a="1"))
    again = await cluster.call("PUT", f"{path}/one", made.body)
    assert again.version == made.version


async def test_a_dry_run_answers_and_stores_nothing(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    answer = await cluster.call("POST", path, config_map("one"), dryRun="All")
    assert answer.status == 201
    assert answer.body["metadata"]["uid"]
    assert (await cluster.call("GET", f"{path}/one")).status == 404


async def test_the_main_path_cannot_write_status_nor_the_status_path_spec(
    cluster: Cluster,
) -> None:
    path = f"/apis/apps/v1/namespaces/{await cluster.namespace()}/deployments"
    forged = {**deployment("web", 0), "status": {"observedGeneration": 99}}
    made = await cluster.call("POST", path, forged)
    assert made.body.get("status", {}).get("observedGeneration") != 99
    patch = {"spec": {"replicas": 9}, "status": {"collisionCount": 7}}
    answer = await cluster.call("PATCH", f"{path}/web/status", patch, content_type=MERGE)
    assert answer.status == 200
    assert answer.body["status"]["collisionCount"] == 7
    assert answer.body["spec"]["replicas"] == 0


async def test_generation_counts_changes_of_spec_only(cluster: Cluster) -> None:
    path = f"/apis/apps/v1/namespaces/{await cluster.namespace()}/deployments"
    made = await cluster.call("POST", path, deployment("web", 0))
    assert made.body["metadata"]["generation"] == 1
    labels = {"metadata": {"labels": {"a": "b"}}}
    labelled = await cluster.call("PATCH", f"{path}/web", labels, content_type=MERGE)
    assert labelled.body["metadata"]["generation"] == 1
    scaled = await cluster.call(
        "PATCH", f"{path}/web", {"spec": {"replicas": 1}}, content_type=MERGE
    )
    assert scaled.body["metadata"]["generation"] == 2


async def test_an_invalid_deployment_names_every_cause(cluster: Cluster) -> None:
    path = f"/apis/apps/v1/namespaces/{await cluster.namespace()}/deployments"
    body = deployment("web")
    body["spec"]["replicas"] = -1
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    answer = await cluster.call("POST", path, body)
    fields = {cause["field"] for cause in answer.body["details"]["causes"]}
    assert answer.status == 422
    assert {"spec.replicas", "spec.template.metadata.labels"} <= fields


async def test_a_pod_spec_may_not_change_except_its_images(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/pods"
    await cluster.call("POST", path, pod("one"))
    patch = {"spec": {"hostname": "other"}}
    answer = await cluster.call("PATCH", f"{path}/one", patch, content_type=MERGE)
    assert answer.status == 422


async def test_a_secret_encodes_its_string_data(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/secrets"
    body = {"metadata": {"name": "one"}, "stringData": {"key": "value"}}
    answer = await cluster.call("POST", path, body)
    assert answer.body["data"] == {"key": "dmFsdWU="}
    assert "stringData" not in answer.body


async def test_a_namespace_has_its_label_and_soon_its_account(cluster: Cluster) -> None:
    name = await cluster.namespace()
    found = await cluster.call("GET", f"/api/v1/namespaces/{name}")
    assert found.body["metadata"]["labels"]["kubernetes.io/metadata.name"] == name
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    await cluster.until(path, lambda answer: answer.status == 200)
