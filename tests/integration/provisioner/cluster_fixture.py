"""The clusters that the provisioner meets: the sandbox, and a real control plane if one is named.

On both it is its service account with exactly what `deploy/rbac` ships. A real one is shared by all
tests and stays, so each test has accounts of its own, and takes their namespaces away again.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import structlog
import yaml

from deploy.sandbox.kubernetes.access.users import user
from deploy.sandbox.kubernetes.cluster import SandboxCluster
from deploy.sandbox.kubernetes.config import ClusterOptions
from deploy.sandbox.kubernetes.server.faults import Faults
from deploy.sandbox.stack.account import take_cluster
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.settings import read_settings
from services.chassis.process import Process
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.connect import connect_cluster
from services.provisioner.kube.writes import OwnWrites
from tests.contract.kubernetes.cluster import tls_of
from tests.contract.kubernetes.implementations import REAL, real_kubeconfig, running
from tests.integration.provisioner.own_world import OwnWorld

ROLES = Path(__file__).resolve().parents[3] / "deploy" / "rbac"
ACCOUNT = "system:serviceaccount:tollgate:tollgate-provisioner"
TOKENS = {
    "admin": user("admin", "system:masters"),
    "provisioner": user(ACCOUNT, "system:serviceaccounts"),
    "alice": user("alice"),
}
Headers = Mapping[str, str]
PATIENCE = 60.0
"""Seconds for anything that is waited for: a process that starts on a loaded machine takes 20."""


@dataclass
class Api:
    """The API server as somebody sees it; ``url`` without a slash at its end."""

    url: str
    http: aiohttp.ClientSession
    headers: Headers
    users: Mapping[str, Headers]

    async def call(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; return the status and what was answered."""
        headers = {**self.headers, "Content-Type": kind}
        async with self.http.request(
            method, self.url + path, json=body, headers=headers
        ) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> dict[str, Any]:
        """Read what must stand."""
        code, found = await self.call("GET", path)
        assert code == 200, found
        return found

    async def until_there(self, path: str, seconds: float = PATIENCE) -> None:
        """Wait until something stands."""
        async with asyncio.timeout(seconds):
            while (await self.call("GET", path))[0] != 200:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)

    async def merge(self, path: str, patch: object) -> dict[str, Any]:
        """Change what must stand."""
        code, found = await self.call("PATCH", path, patch, "application/merge-patch+json")
        assert code == 200, found
        return found

    def as_user(self, name: str) -> "Api":
        """Return the API as alice or the provisioner sees it."""
        return Api(self.url, self.http, self.users[name], self.users)


@dataclass
class Plane:
    """One running cluster; ``faults`` only where it can be told to fail."""

    api: Api
    kubeconfig: Path
    process: Process
    faults: Faults | None = None
    writes: OwnWrites = field(default_factory=OwnWrites)
    token: str = field(default_factory=lambda: uuid4().hex[:12])

    async def connect(self, kubeconfig: Path | None = None) -> KubeCluster:
        """Return the provisioner's cluster."""
        cluster = await connect_cluster(kubeconfig or self.kubeconfig, self.writes, self.process)
        assert cluster is not None
        return cluster

    def account(self, number: int) -> str:
        """Return an account that no other test has."""
        return f"acc_{self.token}{number:02}"

    def world(self) -> OwnWorld:
        """Return a provisioner in memory whose ids no other test has."""
        return OwnWorld(self.token)

    async def namespaces(self) -> list[dict[str, Any]]:
        """Return the namespaces of this test's accounts."""
        found = await self.api.get("/api/v1/namespaces?labelSelector=tollgate.dev/account")
        return [
            item
            for item in found["items"]
            if item["metadata"]["labels"]["tollgate.dev/account"].startswith(f"acc_{self.token}")
        ]

    async def tidy(self) -> None:
        """Take this test's namespaces away."""
        for item in await self.namespaces():
            await self.api.call("DELETE", f"/api/v1/namespaces/{item['metadata']['name']}")


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
async def running_plane(name: str, history: int = 4096) -> AsyncIterator[Plane]:
    """Run or reach a cluster with the roles of ``deploy/rbac`` for as long as the context lasts.

    ``history`` is for the sandbox: a real one remembers what it likes.
    """
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        resources = await stack.enter_async_context(AsyncExitStack())
        process = Process(
            "provisioner", tasks, tasks, asyncio.Event(), resources, structlog.get_logger()
        )
        reached = _real(folder, process) if name == REAL else _sandbox(folder, process, history)
        plane = await stack.enter_async_context(reached)
        yield plane
        process.stopping.set()
        await resources.aclose()


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def _sandbox(folder: Path, process: Process, history: int) -> AsyncIterator[Plane]:
    options = ClusterOptions(tokens=TOKENS, faults=True, bookmark_seconds=0.2, history=history)
    async with SandboxCluster(options) as server, aiohttp.ClientSession() as http:
        users = {name: _bearer(name) for name in TOKENS}
        api = Api(server.url, http, users["admin"], users)
        for path in sorted(ROLES.glob("*.yaml")):
            for role in yaml.safe_load_all(path.read_text()):
                plural = f"{role['kind'].lower()}s"
                answer = await api.call("POST", f"/apis/{role['apiVersion']}/{plural}", role)
                assert answer[0] == 201, answer
        kubeconfig = write_kubeconfig(folder, server.url, "provisioner")
        yield Plane(api, kubeconfig, process, server.faults)


@asynccontextmanager
async def _real(folder: Path, process: Process) -> AsyncIterator[Plane]:
    async with running(REAL) as configuration:
        connector = aiohttp.TCPConnector(ssl=tls_of(configuration))
        async with aiohttp.ClientSession(connector=connector) as http:
            settings = {setting["key"]: setting["value"] for setting in await _auth(configuration)}
            own, token = await _own_account(folder)
            users = {
                "provisioner": _bearer(token),
                "alice": {**settings, "Impersonate-User": "alice"},
            }
            api = Api(configuration.host.rstrip("/"), http, settings, users)
            plane = Plane(api, own, process)
            try:
                yield plane
            finally:
                await plane.tidy()


async def _auth(configuration: Any) -> list[Mapping[str, str]]:
    return list((await configuration.auth_settings()).values())


async def _own_account(folder: Path) -> tuple[Path, str]:
    """A kubeconfig of the service account with what is shipped for it, and its token."""
    told = {"TOLLGATE_HOME": str(folder), "KUBECONFIG": real_kubeconfig()}
    layout = Layout(read_settings(told))
    named, sentence = await take_cluster(layout)
    assert (named, layout.own_account) == (ACCOUNT, True), sentence
    config = yaml.safe_load(layout.own_kubeconfig.read_text())
    return layout.own_kubeconfig, str(config["users"][0]["user"]["token"])


async def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds of which nothing tells."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
