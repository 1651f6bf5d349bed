"""A sandbox cluster with the real roles, and the provisioner's way into it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import structlog
import yaml

from deploy.sandbox.kubernetes.access.users import user
from deploy.sandbox.kubernetes.cluster import SandboxCluster
from deploy.sandbox.kubernetes.config import ClusterOptions
from services.chassis.process import Process
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.connect import connect_cluster
from services.provisioner.kube.writes import OwnWrites

ROLES = Path(__file__).resolve().parents[3] / "deploy" / "rbac"
ACCOUNT = "system:serviceaccount:tollgate:tollgate-provisioner"
TOKENS = {
    "admin": user("admin", "system:masters"),
    "provisioner": user(ACCOUNT, "system:serviceaccounts"),
    "alice": user("alice"),
}


@dataclass
class Api:
    """The API server as somebody with this token sees it; ``url`` without a slash at its end."""

    url: str
    http: aiohttp.ClientSession
    token: str = "admin"

    async def call(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; return the status and what was answered."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        async with self.http.request(
            method, self.url + path, json=body, headers=headers
        ) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> dict[str, Any]:
        """Read what must stand."""
        code, found = await self.call("GET", path)
        assert code == 200, found
        return found

    async def until_there(self, path: str, seconds: float = 15.0) -> None:
        """Wait until something stands."""
        async with asyncio.timeout(seconds):
            code = 404
            while code != 200:
                code, _ = await self.call("GET", path)

    async def merge(self, path: str, patch: object) -> dict[str, Any]:
        """Change what must stand."""
        code, found = await self.call("PATCH", path, patch, "application/merge-patch+json")
        assert code == 200, found
        return found

    def as_user(self, token: str) -> "Api":
        """Return the API as somebody else sees it."""
        return Api(self.url, self.http, token)


@dataclass
class Sandbox:
    """One running cluster."""

    server: SandboxCluster
    api: Api
    kubeconfig: Path
    process: Process
    writes: OwnWrites = field(default_factory=OwnWrites)

    async def connect(self, kubeconfig: Path | None = None) -> KubeCluster:
        """Return the provisioner's cluster."""
        cluster = await connect_cluster(kubeconfig or self.kubeconfig, self.writes, self.process)
        assert cluster is not None
        return cluster


def write_kubeconfig(folder: Path, url: str, token: str) -> Path:
    """Write a kubeconfig for this token."""
    path = folder / f"kubeconfig-{token}"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "clusters": [{"name": "sandbox", "cluster": {"server": url}}],
        "users": [{"name": token, "user": {"token": token}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": token}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


@asynccontextmanager
async def running_sandbox(history: int = 4096) -> AsyncIterator[Sandbox]:
    """Run a cluster with the roles of ``deploy/rbac`` for as long as the context lasts."""
    options = ClusterOptions(tokens=TOKENS, faults=True, bookmark_seconds=0.2, history=history)
    async with (
        SandboxCluster(options) as server,
        aiohttp.ClientSession() as http,
        AsyncExitStack() as resources,
        asyncio.TaskGroup() as tasks,
    ):
        api = Api(server.url, http)
        for path in sorted(ROLES.glob("*.yaml")):
            for role in yaml.safe_load_all(path.read_text()):
                plural = f"{role['kind'].lower()}s"
                answer = await api.call("POST", f"/apis/{role['apiVersion']}/{plural}", role)
                assert answer[0] == 201, answer
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        process = Process(
            "provisioner", tasks, tasks, asyncio.Event(), resources, structlog.get_logger()
        )
        kubeconfig = write_kubeconfig(folder, server.url, "provisioner")
        yield Sandbox(server, api, kubeconfig, process)
        process.stopping.set()
        await resources.aclose()


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until a condition holds of which nothing tells."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
