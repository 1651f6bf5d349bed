"""Reads the cluster with a kubeconfig, as kubectl would."""

import ssl
from pathlib import Path
from typing import Any

import aiohttp
import yaml

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
    """A cluster, by the current context of a kubeconfig with a token or a certificate."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = next(c for c in config["contexts"] if c["name"] == config["current-context"])
        names = context["context"]
        cluster = next(c for c in config["clusters"] if c["name"] == names["cluster"])["cluster"]
        user = next(u for u in config["users"] if u["name"] == names["user"])["user"]
        self._server = cluster["server"].rstrip("/")
        tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
        if "client-certificate" in user:
            tls.load_cert_chain(user["client-certificate"], user["client-key"])
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._http = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=tls))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

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

    async def _list(self, path: str, selector: str) -> list[dict[str, Any]]:
        params = {"labelSelector": selector} if selector else {}
        async with self._http.get(self._server + path, params=params) as answer:
            answer.raise_for_status()
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items
