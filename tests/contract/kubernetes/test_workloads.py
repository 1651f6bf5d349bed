"""Workloads: they roll out, scale, keep the bounds of an autoscaler, and finish."""

from typing import Any

from tests.contract.kubernetes.cluster import JSON_PATCH, MERGE, Answer, Cluster, eventually
from tests.contract.kubernetes.objects import container, deployment, quota


async def _namespace(cluster: Cluster) -> str:
    namespace = await cluster.namespace()
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    await cluster.until(path, lambda answer: answer.status == 200)
    return namespace


def _deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def _available(replicas: int) -> Any:
    def check(answer: Answer) -> bool:
        status = answer.body.get("status", {})
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
        seen = status.get("observedGeneration") == answer.body["metadata"]["generation"]
        return bool(seen and counts == [replicas] * 3)

    return check


async def _pods(cluster: Cluster, namespace: str, selector: str) -> list[Any]:
    path = f"/api/v1/namespaces/{namespace}/pods"
    answer = await cluster.call("GET", path, labelSelector=selector)
    items = answer.body["items"]
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


async def test_a_deployment_becomes_available(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 3))
    await cluster.until(f"{path}/web", _available(3))
    found = await cluster.call("GET", f"{path}/web")
    conditions = {item["type"]: item["status"] for item in found.body["status"]["conditions"]}
    assert conditions["Available"] == conditions["Progressing"] == "True"
    pods = await _pods(cluster, namespace, "app=web")
    assert [pod["status"]["phase"] for pod in pods] == ["Running"] * 3
    assert all(pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet" for pod in pods)


async def test_a_new_image_rolls_out_without_a_gap(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 3))
    await cluster.until(f"{path}/web", _available(3))
    changed = deployment("web", 3, "registry.example/app:2")["spec"]["template"]["spec"]
    patch = {"spec": {"template": {"spec": changed}}}
    least: list[int] = []

    def watched(answer: Answer) -> bool:
        least.append(answer.body["status"].get("availableReplicas", 0))
        return bool(_available(3)(answer))

    await cluster.call("PATCH", f"{path}/web", patch, content_type=MERGE)
    await cluster.until(f"{path}/web", watched)
    assert min(least) >= 3

    async def only_new_pods() -> bool:
        pods = await _pods(cluster, namespace, "app=web")
        images = [pod["spec"]["containers"][0]["image"] for pod in pods]
        return images == ["registry.example/app:2"] * 3

    assert await eventually(only_new_pods)


async def test_scaling_goes_up_and_down(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 1))
    for replicas in (4, 2, 0):
        scale = {"spec": {"replicas": replicas}}
        answer = await cluster.call("PATCH", f"{path}/web/scale", scale, content_type=MERGE)
        assert answer.body["kind"] == "Scale"
        await cluster.until(f"{path}/web", _available(replicas))
        pods = await _pods(cluster, namespace, "app=web")
        assert len(pods) == replicas


async def test_an_autoscaler_keeps_its_minimum(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 1))
    scaler = {
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3,
            "maxReplicas": 5,
        },
    }
    scalers = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    assert (await cluster.call("POST", scalers, scaler)).status == 201
    await cluster.until(f"{path}/web", _available(3))
    found = await cluster.call("GET", f"{path}/web")
    assert found.body["spec"]["replicas"] == 3


async def test_a_pod_that_leaves_the_selection_is_released_and_replaced(
    cluster: Cluster,
) -> None:
    namespace = await _namespace(cluster)
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 2))
    await cluster.until(f"{path}/web", _available(2))
    chosen = (await _pods(cluster, namespace, "app=web"))[0]["metadata"]
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": chosen["resourceVersion"]},
        {"op": "replace", "path": "/metadata/labels/app", "value": "claimed"},
    ]
    pod = f"/api/v1/namespaces/{namespace}/pods/{chosen['name']}"
    assert (await cluster.call("PATCH", pod, patch, content_type=JSON_PATCH)).status == 200
    await cluster.until(pod, lambda found: "ownerReferences" not in found.body["metadata"])

    async def refilled() -> bool:
        names = [item["metadata"]["name"] for item in await _pods(cluster, namespace, "app=web")]
        return len(names) == 2 and chosen["name"] not in names

    assert await eventually(refilled)


async def test_a_quota_holds_a_deployment_back_until_it_is_raised(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    await cluster.call("POST", quotas, quota("q", pods="1"))
    await cluster.until(f"{quotas}/q", lambda found: found.body.get("status", {}).get("hard"))
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 2))

    def refused(answer: Answer) -> bool:
        conditions = answer.body.get("status", {}).get("conditions", [])
        return any(item["type"] == "ReplicaFailure" for item in conditions)

    await cluster.until(f"{path}/web", refused)
    assert len(await _pods(cluster, namespace, "app=web")) == 1
    await cluster.apply(f"{quotas}/q", quota("q", pods="2"), force="true")
    await cluster.until(f"{path}/web", _available(2))


async def test_deleting_a_deployment_takes_its_pods(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    path = _deployments(namespace)
    await cluster.call("POST", path, deployment("web", 2))
    await cluster.until(f"{path}/web", _available(2))
    await cluster.call("DELETE", f"{path}/web")
    pods = f"/api/v1/namespaces/{namespace}/pods"
    await cluster.until(pods, lambda answer: not answer.body["items"])


async def test_a_job_completes(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    template = {"spec": {"restartPolicy": "Never", "containers": [container()]}}
    job = {"metadata": {"name": "once"}, "spec": {"completions": 2, "template": template}}
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    assert (await cluster.call("POST", path, job)).status == 201

    def complete(answer: Answer) -> bool:
        conditions = answer.body.get("status", {}).get("conditions", [])
        return any(item["type"] == "Complete" for item in conditions)

    await cluster.until(f"{path}/once", complete)
    assert (await cluster.call("GET", f"{path}/once")).body["status"]["succeeded"] == 2


async def test_a_stateful_set_numbers_its_pods(cluster: Cluster) -> None:
    namespace = await _namespace(cluster)
    body = deployment("db", 2)
    body |= {"kind": "StatefulSet"}
    body["spec"] |= {"serviceName": "db"}
    path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
    assert (await cluster.call("POST", path, body)).status == 201
    await cluster.until(
        f"{path}/db", lambda found: found.body.get("status", {}).get("readyReplicas") == 2
    )
    names = [pod["metadata"]["name"] for pod in await _pods(cluster, namespace, "app=db")]
    assert names == ["db-0", "db-1"]
