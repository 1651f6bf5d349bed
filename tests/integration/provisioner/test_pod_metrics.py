"""What the provisioner reads of use, from a cluster that serves metrics and one that does not."""

import asyncio

import pytest

from deploy.sandbox.kubernetes.server.metrics import USE
from services.chassis.clock import SystemClock
from services.provisioner import naming
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.kube.cache import ObjectCache
from services.provisioner.kube.held import HeldPlaces
from services.provisioner.kube.organizations import OrganizationCache
from services.provisioner.kube.pod_metrics import KubePodMetrics
from services.provisioner.metering.hours import Held, Metered, Use
from tests.contract.kubernetes.objects import pod, quota
from tests.integration.provisioner.cluster_fixture import Plane

PODS = "pods.metrics.k8s.io"


async def test_pods_are_summed_by_namespace_or_nobody_measures_them(plane: Plane) -> None:
    metrics = KubePodMetrics(await plane.connect())
    if plane.faults is None:
        # The real control plane of the tests has no metrics server.
        assert await metrics.read() is None
        return
    assert await metrics.read() == {}
    await plane.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "one"}})
    for name, use in (("a", "cpu=20m,memory=1Mi"), ("b", "cpu=300m,memory=2Mi")):
        made = pod(name)
        made["metadata"]["annotations"] = {USE: use}
        assert (await plane.api.call("POST", "/api/v1/namespaces/one/pods", made))[0] == 201
    async with asyncio.timeout(20):
        while (found := await metrics.read()) != {"one": Use(320, 3 << 20)}:
            assert found is not None
            await asyncio.sleep(0.02)


async def test_an_answer_that_is_too_long_or_fails_is_said_and_not_kept(plane: Plane) -> None:
    if plane.faults is None:
        pytest.skip("the real control plane of the tests has no metrics server")
    cluster = await plane.connect()
    with pytest.raises(ClusterUnavailable, match="more than 10 bytes"):
        await KubePodMetrics(cluster, most_bytes=10).read()
    plane.faults.command({"verb": "list", "resource": PODS, "status": 500})
    with pytest.raises(ClusterUnavailable):
        await KubePodMetrics(cluster).read()
    assert await KubePodMetrics(cluster).read() == {}


async def test_storage_is_what_a_tenants_quota_counts_of_its_claims(plane: Plane) -> None:
    tenant, namespace = f"ten_{plane.token}", f"held-{plane.token}"
    labels = {naming.LABEL_MANAGED_BY: naming.SYSTEM, naming.LABEL_TENANT: tenant}
    account = {"tollgate.dev/account": plane.account(1)}
    body = {"metadata": {"name": namespace, "labels": account}}
    assert (await plane.api.call("POST", "/api/v1/namespaces", body))[0] == 201
    bounds = quota("tollgate-quota", requests_storage="10Gi")
    bounds["metadata"]["labels"] = labels
    inside = f"/api/v1/namespaces/{namespace}"
    assert (await plane.api.call("POST", f"{inside}/resourcequotas", bounds))[0] == 201
    cluster, clock = await plane.connect(), SystemClock()
    cache = ObjectCache(cluster, lambda _: None, clock)
    organizations = OrganizationCache(cluster, lambda *_: None, clock, 30.0)
    places, one = HeldPlaces(cache, organizations), Metered(tenant, namespace, "")
    async with asyncio.TaskGroup() as tasks:
        loops = [tasks.create_task(loop) for loop in (*cache.loops(), organizations.run())]
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "3Gi"}},
            },
        }
        async with asyncio.timeout(30):
            while places.of(one).storage_bytes is None:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)
            # On a real cluster the quota counts from its first status on.
            claims = f"{inside}/persistentvolumeclaims"
            assert (await plane.api.call("POST", claims, claim))[0] == 201
            while places.of(one) != Held((namespace,), 3 << 30):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)
        for loop in loops:
            loop.cancel()
