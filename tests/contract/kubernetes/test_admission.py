"""Quotas and limit ranges."""

from typing import Any

import pytest

from tests.contract.kubernetes.cluster import Cluster
from tests.contract.kubernetes.objects import config_map, pod, quota

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "1Gi"}}


async def _with_quota(cluster: Cluster, **hard: str) -> str:
    """A namespace whose quota is counted already."""
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.until(f"{here}/serviceaccounts/default", lambda answer: answer.status == 200)
    answer = await cluster.call("POST", f"{here}/resourcequotas", quota("q", **hard))
    assert answer.status == 201
    await cluster.until(
        f"{here}/resourcequotas/q", lambda found: found.body.get("status", {}).get("used")
    )
    return here


async def _used(cluster: Cluster, here: str, wanted: dict[str, str]) -> None:
    def reached(answer: Any) -> bool:
        used = answer.body["status"].get("used", {})
        return all(used.get(name) == amount for name, amount in wanted.items())

    await cluster.until(f"{here}/resourcequotas/q", reached)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("6.4Gi", "6871947673600m"),
        ("6400M", "6400M"),
        ("1000M", "1G"),
        ("2048Mi", "2Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5", "500m"),
        ("1e3", "1e3"),
        ("1000", "1k"),
        ("512Ki", "512Ki"),
    ],
)
async def test_quantities_are_stored_canonically(cluster: Cluster, given: str, stored: str) -> None:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/resourcequotas"
    answer = await cluster.call("POST", path, quota("q", requests_memory=given))
    assert answer.body["spec"]["hard"] == {"requests.memory": stored}


async def test_a_quota_bounds_the_number_of_pods(cluster: Cluster) -> None:
    here = await _with_quota(cluster, pods="2")
    for name in ("a", "b"):
        assert (await cluster.call("POST", f"{here}/pods", pod(name))).status == 201
    await _used(cluster, here, {"pods": "2"})
    answer = await cluster.call("POST", f"{here}/pods", pod("c"))
    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    text = "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
    assert answer.body["message"] == f'pods "c" is forbidden: {text}'
    await cluster.call("DELETE", f"{here}/pods/a", {"gracePeriodSeconds": 0})
    await _used(cluster, here, {"pods": "1"})
    assert (await cluster.call("POST", f"{here}/pods", pod("c"))).status == 201


async def test_a_quota_bounds_compute(cluster: Cluster) -> None:
    here = await _with_quota(
        cluster, requests_cpu="150m", requests_memory="1Gi", limits_cpu="1", limits_memory="2Gi"
    )
    assert (await cluster.call("POST", f"{here}/pods", pod("a", **SMALL))).status == 201
    expected = {"requests.cpu": "100m", "requests.memory": "64Mi", "limits.cpu": "200m"}
    await _used(cluster, here, expected)
    answer = await cluster.call("POST", f"{here}/pods", pod("b", **SMALL))
    assert answer.status == 403
    text = "requested: requests.cpu=100m, used: requests.cpu=100m, limited: requests.cpu=150m"
    assert text in answer.body["message"]
    unspecified = await cluster.call("POST", f"{here}/pods", pod("c"))
    assert unspecified.status == 403
    assert "must specify limits.cpu for: main" in unspecified.body["message"]


async def test_a_quota_counts_any_kind_of_object(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.until(f"{here}/configmaps/kube-root-ca.crt", lambda found: found.status == 200)
    body = quota("q")
    body["spec"]["hard"] = {"count/configmaps": "2"}
    await cluster.call("POST", f"{here}/resourcequotas", body)
    await _used_count(cluster, here)
    assert (await cluster.call("POST", f"{here}/configmaps", config_map("a"))).status == 201
    answer = await cluster.call("POST", f"{here}/configmaps", config_map("b"))
    assert answer.status == 403
    assert "exceeded quota: q, requested: count/configmaps=1" in answer.body["message"]


async def _used_count(cluster: Cluster, here: str) -> None:
    await cluster.until(
        f"{here}/resourcequotas/q", lambda found: found.body.get("status", {}).get("used")
    )


async def test_raising_a_quota_lets_more_in(cluster: Cluster) -> None:
    here = await _with_quota(cluster, pods="0")
    assert (await cluster.call("POST", f"{here}/pods", pod("a"))).status == 403
    await cluster.apply(f"{here}/resourcequotas/q", quota("q", pods="1"), force="true")
    await cluster.until(
        f"{here}/resourcequotas/q", lambda found: found.body["status"]["hard"]["pods"] == "1"
    )
    assert (await cluster.call("POST", f"{here}/pods", pod("a"))).status == 201


def _limits(**item: Any) -> dict[str, Any]:
    spec = {"limits": [{"type": "Container", **item}]}
    metadata = {"name": "bounds"}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": spec}


async def test_a_limit_range_completes_containers(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.until(f"{here}/serviceaccounts/default", lambda answer: answer.status == 200)
    body = _limits(default={"cpu": "500m"}, defaultRequest={"cpu": "250m", "memory": "32Mi"})
    await cluster.call("POST", f"{here}/limitranges", body)
    answer = await cluster.call("POST", f"{here}/pods", pod("a"))
    assert answer.body["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "500m"},
        "requests": {"cpu": "250m", "memory": "32Mi"},
    }
    assert "kubernetes.io/limit-ranger" in answer.body["metadata"]["annotations"]


async def test_a_limit_range_refuses_what_is_outside(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.until(f"{here}/serviceaccounts/default", lambda answer: answer.status == 200)
    body = _limits(min={"memory": "16Mi"}, max={"cpu": "1"})
    await cluster.call("POST", f"{here}/limitranges", body)
    greedy = pod("a", requests={"cpu": "1"}, limits={"cpu": "2"})
    answer = await cluster.call("POST", f"{here}/pods", greedy)
    assert answer.status == 403
    assert "maximum cpu usage per Container is 1, but limit is 2" in answer.body["message"]
    tiny = pod("b", requests={"memory": "1Mi"})
    answer = await cluster.call("POST", f"{here}/pods", tiny)
    assert "minimum memory usage per Container is 16Mi" in answer.body["message"]
