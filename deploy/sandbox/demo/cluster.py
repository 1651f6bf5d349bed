"""Reads the cluster with a kubeconfig, as kubectl would."""

from pathlib import Path
from typing import Any

from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError

_NOT_FOUND = 404
_KINDS = {
    "ResourceQuota": "/api/v1/namespaces/{ns}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{ns}/limitranges",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies",
    "Deployment": "/apis/apps/v1/namespaces/{ns}/deployments",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings",
    "Pod": "/api/v1/namespaces/{ns}/pods",
}
EXPECTED = tuple(kind for kind in _KINDS if kind != "Pod")


class Cluster:
    """A cluster, by the current context of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self._api = KubeApi(kubeconfig)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def namespaces(self, account: str = "") -> list[dict[str, Any]]:
        """Return the namespaces that carry an account's label, or any account's."""
        selector = "tollgate.dev/account" + (f"={account}" if account else "")
        return await self._list("/api/v1/namespaces", selector)

    async def objects(self, namespace: str) -> dict[str, list[dict[str, Any]]]:
        """Return what stands in a namespace, by kind."""
        return {kind: await self.of_kind(namespace, kind) for kind in _KINDS}

    async def of_kind(self, namespace: str, kind: str) -> list[dict[str, Any]]:
        """Return what stands in a namespace of one kind."""
        return await self._list(_KINDS[kind].format(ns=namespace), "")

    async def remove(self, namespace: str) -> None:
        """Delete a namespace; what is gone already is no matter."""
        try:
            await self._api.call("DELETE", f"/api/v1/namespaces/{namespace}")
        except KubeApiError as error:
            if error.status != _NOT_FOUND:
                raise

    async def _list(self, path: str, selector: str) -> list[dict[str, Any]]:
        query = {"labelSelector": selector} if selector else None
        items: list[dict[str, Any]] = (await self._api.call("GET", path, query=query))["items"]
        return items
