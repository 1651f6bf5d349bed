"""The kinds of other systems that a cluster plays here are served once they are applied."""

from pathlib import Path

import pytest

from deploy.sandbox.kubernetes.access.users import user
from deploy.sandbox.kubernetes.cluster import SandboxCluster
from deploy.sandbox.kubernetes.config import ClusterOptions
from deploy.sandbox.stack.definitions import HNC, KUBE_DC, apply_definitions, definitions
from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError
from tests.integration.provisioner.cluster_fixture import write_kubeconfig

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OPTIONS = ClusterOptions(tokens={"admin": user("admin", "system:masters"), "alice": user("alice")})


async def test_definitions_are_applied_as_often_as_one_likes(tmp_path: Path) -> None:
    async with (
        SandboxCluster(OPTIONS) as cluster,
        KubeApi(write_kubeconfig(tmp_path, cluster.url, "admin")) as api,
    ):
        await apply_definitions(api)
        await apply_definitions(api, (KUBE_DC, HNC))
        found = await api.call("GET", CRDS)
        assert {item["metadata"]["name"] for item in found["items"]} == {
            item["metadata"]["name"] for item in definitions(KUBE_DC, HNC)
        }


async def test_a_definition_that_the_cluster_has_is_left_as_it_is(tmp_path: Path) -> None:
    async with (
        SandboxCluster(OPTIONS) as cluster,
        KubeApi(write_kubeconfig(tmp_path, cluster.url, "admin")) as api,
    ):
        real = next(one for one in definitions(KUBE_DC) if "eips" in one["metadata"]["name"])
        real["spec"]["names"]["shortNames"] = ["real"]
        await api.call("POST", CRDS, real)
        await apply_definitions(api)
        found = await api.call("GET", f"{CRDS}/{real['metadata']['name']}")
        assert found["spec"]["names"]["shortNames"] == ["real"]


async def test_who_may_not_define_kinds_is_told_so(tmp_path: Path) -> None:
    async with (
        SandboxCluster(OPTIONS) as cluster,
        KubeApi(write_kubeconfig(tmp_path, cluster.url, "alice")) as api,
    ):
        with pytest.raises(KubeApiError, match="forbidden"):
            await apply_definitions(api)


def test_the_kinds_are_those_that_billing_knows() -> None:
    kinds = {item["spec"]["names"]["kind"] for item in definitions(KUBE_DC, HNC)}
    assert kinds == {
        "Organization",
        "Project",
        "EIp",
        "HierarchicalResourceQuota",
        "HierarchyConfiguration",
    }
