"""What Kube-DC and the people of an organization do in a cluster: objects, projects, pods."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError
from services.chassis import quantities

PROJECT = "kube-dc.com/project"
_GROUP = "/apis/kube-dc.com/v1"
_HIERARCHIES = "/apis/hnc.x-k8s.io/v1alpha2"
_NOT_FOUND = 404
_CONFLICT = 409
_IN_A_MOMENT = (429, 503)
_PATIENCE = 60.0
_PAUSE = 0.2


class KubeDc:
    """One organization in a cluster, as the cluster's administrator sees it."""

    def __init__(self, kubeconfig: Path, organization: str, projects: Sequence[str]) -> None:
        self._api = KubeApi(kubeconfig)
        self._organization = organization
        self._projects = [f"{organization}-{project}" for project in projects]

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def found(self) -> None:
        """Make the organization with its namespace and the namespaces of its projects."""
        name = self._organization
        await self._make("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace"}, name)
        organization = {
            "apiVersion": "kube-dc.com/v1",
            "kind": "Organization",
            "spec": {"email": f"billing@{name}.example", "description": "The demo's"},
        }
        await self._make(f"{_GROUP}/namespaces/{name}/organizations", organization, name, name)
        for project in self._projects:
            short = project.removeprefix(f"{name}-")
            metadata = {"labels": {PROJECT: ""}, "annotations": {PROJECT: f"{name}/{short}"}}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            await self._make("/api/v1/namespaces", body, project)
            if await self._serves_hierarchies():
                below = {
                    "apiVersion": "hnc.x-k8s.io/v1alpha2",
                    "kind": "HierarchyConfiguration",
                    "spec": {"parent": name},
                }
                path = f"{_HIERARCHIES}/namespaces/{project}/hierarchyconfigurations"
                await self._make(path, below, "hierarchy", project)

    async def annotations(self) -> dict[str, str]:
        """Return what the Organization says."""
        name = self._organization
        found = await self._api.call("GET", f"{_GROUP}/namespaces/{name}/organizations/{name}")
        annotations: dict[str, str] = found["metadata"].get("annotations") or {}
        return annotations

    async def plan_quota(self) -> dict[str, Decimal]:
        """Return what the organization's quota objects allow together."""
        hard: dict[str, Decimal] = defaultdict(Decimal)
        if await self._serves_hierarchies():
            path = f"{_HIERARCHIES}/namespaces/{self._organization}/hierarchicalresourcequotas"
            for item in (await self._api.call("GET", path))["items"]:
                for name, amount in item["spec"]["hard"].items():
                    hard[name] += quantities.parse(amount)
            return hard
        for namespace in self.namespaces:
            path = f"/api/v1/namespaces/{namespace}/resourcequotas"
            for item in (await self._api.call("GET", path))["items"]:
                if item["metadata"]["name"] == "plan-quota":
                    for name, amount in item["spec"]["hard"].items():
                        hard[name] += quantities.parse(amount)
        return hard

    async def enforces(self, resource: str) -> bool:
        """Whether every project has a quota of it that the cluster counts by.

        HNC spreads a cap, and the controllers count what there is, a moment after it stands; until
        then a project has no quota, and may run anything.
        """
        for namespace in self._projects:
            path = f"/api/v1/namespaces/{namespace}/resourcequotas"
            quotas = (await self._api.call("GET", path))["items"]
            if not any(_counts(quota, resource) for quota in quotas):
                return False
        return True

    async def run_pod(self, project: str, pod: str, *, cpu: str, memory: str) -> str:
        """Run a pod in a project; return why the cluster refuses it, empty if it does not."""
        size = {"cpu": cpu, "memory": memory}
        container = {
            "name": "main",
            "image": "registry.example/app:1",
            "resources": {"requests": size, "limits": size},
        }
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod},
            "spec": {"containers": [container]},
        }
        namespace = f"{self._organization}-{project}"
        try:
            await self._api.call("POST", f"/api/v1/namespaces/{namespace}/pods", body)
        except KubeApiError as refusal:
            return str(refusal)
        return ""

    @property
    def namespaces(self) -> list[str]:
        """The namespaces of the projects, and then the organization's own."""
        return [*self._projects, self._organization]

    async def _serves_hierarchies(self) -> bool:
        """Whether the Hierarchical Namespace Controller is in the cluster."""
        try:
            await self._api.call("GET", _HIERARCHIES)
        except KubeApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return False
        return True

    async def _make(
        self, collection: str, body: dict[str, Any], name: str, namespace: str = ""
    ) -> None:
        """Create it: what stands already is somebody's, and not the demo's to change.

        What an earlier demo made, and is going, is waited for, and so is a controller that asks
        for a moment.
        """
        metadata = {**body.get("metadata", {}), "name": name}
        if namespace:
            metadata["namespace"] = namespace
        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    await self._api.call("POST", collection, {**body, "metadata": metadata})
                except KubeApiError as error:
                    going = error.status == _CONFLICT and await self._is_going(collection, name)
                    if not going and error.status not in _IN_A_MOMENT:
                        raise
                else:
                    return
                await asyncio.sleep(_PAUSE)

    async def _is_going(self, collection: str, name: str) -> bool:
        try:
            found = await self._api.call("GET", f"{collection}/{name}")
        except KubeApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return True
        return "deletionTimestamp" in found["metadata"]


def _counts(quota: dict[str, Any], resource: str) -> bool:
    """Whether what is used is held against what the quota allows today."""
    hard = quota["spec"].get("hard", {})
    seen = quota.get("status", {}).get("hard", {})
    return resource in hard and seen.get(resource) == hard[resource]
