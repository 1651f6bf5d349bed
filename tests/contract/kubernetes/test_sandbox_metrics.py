"""The sandbox says what pods use, as a metrics server would."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.kubernetes.cluster import SandboxCluster
from deploy.sandbox.kubernetes.server.metrics import USE
from tests.contract.kubernetes.cluster import MERGE, Cluster, connected, eventually
from tests.contract.kubernetes.implementations import configuration_for, sandbox_options
from tests.contract.kubernetes.objects import deployment, pod

API = "/apis/metrics.k8s.io/v1beta1"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with (
        SandboxCluster(sandbox_options()) as running,
        connected(configuration_for(running.url), tmp_path) as cluster,
    ):
        yield cluster


async def measured(sandbox: Cluster, namespace: str, count: int) -> list[dict[str, Any]]:
    """Return what is said of so many pods, once they run."""
    path = f"{API}/namespaces/{namespace}/pods"

    async def look() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = (await sandbox.call("GET", path)).body["items"]
        return items if len(items) == count else None

    found = await eventually(look)
    assert found is not None
    return found


async def test_a_pod_uses_a_tenth_of_what_it_requests(sandbox: Cluster) -> None:
    namespace = await sandbox.namespace()
    requests = {"requests": {"cpu": "250m", "memory": "640Mi"}}
    asked = pod("one", {"app": "web"}, **requests)
    assert (await sandbox.call("POST", f"/api/v1/namespaces/{namespace}/pods", asked)).status == 201
    (found,) = await measured(sandbox, namespace, 1)
    assert found["metadata"]["labels"] == {"app": "web"}
    (container,) = found["containers"]
    assert container["usage"] == {"cpu": "25m", "memory": "64Mi"}
    one = await sandbox.call("GET", f"{API}/namespaces/{namespace}/pods/one")
    assert (one.status, one.body["kind"]) == (200, "PodMetrics")
    missing = await sandbox.call("GET", f"{API}/namespaces/{namespace}/pods/two")
    assert missing.status == 404


async def test_use_is_set_on_the_deployment_and_changed_at_any_time(sandbox: Cluster) -> None:
    namespace = await sandbox.namespace()
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    wanted = deployment("web", replicas=2)
    wanted["metadata"]["annotations"] = {USE: "cpu=1500m, memory=2Gi"}
    assert (await sandbox.call("POST", path, wanted)).status == 201
    for item in await measured(sandbox, namespace, 2):
        assert item["containers"][0]["usage"] == {"cpu": "1500m", "memory": "2Gi"}
    patch = {"metadata": {"annotations": {USE: "cpu=7m,memory=much"}}}
    assert (await sandbox.call("PATCH", f"{path}/web", patch, content_type=MERGE)).status == 200
    for item in await measured(sandbox, namespace, 2):
        assert item["containers"][0]["usage"] == {"cpu": "7m", "memory": "0"}


async def test_all_namespaces_are_listed_by_label_and_only_by_who_may(sandbox: Cluster) -> None:
    namespace = await sandbox.namespace()
    for name in ("one", "two"):
        path = f"/api/v1/namespaces/{namespace}/pods"
        assert (await sandbox.call("POST", path, pod(name, {"app": name}))).status == 201
    await measured(sandbox, namespace, 2)
    answer = await sandbox.call("GET", f"{API}/pods", labelSelector="app=two")
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["two"]
    assert (await sandbox.call("GET", f"{API}/pods", user="carol")).status == 403
    assert (await sandbox.call("POST", f"{API}/namespaces/{namespace}/pods", {})).status == 405


async def test_it_is_discovered_as_a_group_of_its_own(sandbox: Cluster) -> None:
    groups = (await sandbox.call("GET", "/apis")).body["groups"]
    assert "metrics.k8s.io" in [group["name"] for group in groups]
    (resource,) = (await sandbox.call("GET", API)).body["resources"]
    assert (resource["kind"], resource["verbs"]) == ("PodMetrics", ["get", "list"])
