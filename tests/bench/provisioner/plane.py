"""The clusters of the bench: a real API server of its own, or one that is named, and a sandbox.

On both the bench is the provisioner's own service account, with exactly what `deploy/rbac` ships.
"""

import asyncio
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.stack.cluster import write_kubeconfig
from deploy.sandbox.supervisor.errors import AlreadyRunning
from tests.bench.errors import BenchUnavailable
from tests.cluster import programs, service_account
from tests.cluster.api import Api
from tests.cluster.control import Control
from tests.cluster.errors import ClusterError
from tests.cluster.settings import ROOT, contract_kubeconfig, read_settings

_GROUPS = ["system:serviceaccounts", "system:serviceaccounts:tollgate"]
_KEPT = frozenset({programs.ETCD.name, programs.API_SERVER.name})
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
# Of controllers that are stopped: nobody would answer the API server any more.
_WEBHOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
_START = 30.0


@dataclass(frozen=True)
class Plane:
    """A control plane: the account's kubeconfig, and the API server's log of what it asked for.

    ``audit`` None: it is not ours and keeps none for us.
    """

    kubeconfig: Path
    admin: Api
    audit: Path | None
    words: str

    def forget(self, namespaces: list[str]) -> None:
        """Delete namespaces, where the control plane outlives the bench."""
        if self.audit is None:
            for name in namespaces:
                self.admin.call("DELETE", f"/api/v1/namespaces/{name}")


@contextmanager
def real_plane(folder: Path) -> Iterator[Plane]:
    """The control plane that is named, else one of the bench's own; BenchUnavailable if none."""
    named = contract_kubeconfig()
    if named is not None:
        yield _entered(named, folder, None, "the named control plane, as it is")
        return
    settings = read_settings()
    control = Control(replace(settings, home=settings.home / "bench"))
    try:
        control.stop()
        control.start()
    except (ClusterError, AlreadyRunning) as problem:
        raise BenchUnavailable(str(problem)) from problem
    try:
        # What controllers do with the objects is neither side's work, and takes the cores.
        for daemon in control.daemons:
            if daemon.name not in _KEPT:
                daemon.stop()
        for kind in _WEBHOOKS:
            Api(control.kubeconfig).call("DELETE", f"{_ADMISSION}/{kind}")
        audit = control.home / "log" / "audit.log"
        yield _entered(control.kubeconfig, folder, audit, "own API server and etcd")
    finally:
        control.stop()


def kubectl() -> Path | None:
    """The kubectl that was built with the API server."""
    return programs.find(programs.KUBECTL, read_settings())


@asynccontextmanager
async def sandbox_plane(folder: Path) -> AsyncIterator[Path]:
    """The sandbox cluster as `make up` runs it: a process, TLS, a journal; the kubeconfig."""
    files = Authority(folder / "ca").issue("kubernetes", spiffe=False)
    admin, account = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    tokens = {
        admin: {"user": "admin", "groups": ["system:masters"]},
        account: {"user": service_account.USER, "groups": _GROUPS},
    }
    (folder / "tokens.json").write_bytes(orjson.dumps(tokens))
    port_file = folder / "port"
    arguments = [
        *("--tls-cert", str(files.cert), "--tls-key", str(files.key)),
        *("--tokens", str(folder / "tokens.json"), "--data", str(folder / "journal")),
        *("--port-file", str(port_file)),
    ]
    with (folder / "sandbox.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.sandbox.kubernetes", *arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await _until(port_file.exists, "The sandbox cluster did not start.")
        server = f"https://127.0.0.1:{port_file.read_text().strip()}"
        for user, token in (("admin", admin), ("provisioner", account)):
            file = folder / f"sandbox-{user}.kubeconfig"
            write_kubeconfig(file, server=server, ca=files.ca, user=user, token=token)
        admins = Api(folder / "sandbox-admin.kubeconfig")
        await asyncio.to_thread(service_account.install, admins)
        yield folder / "sandbox-provisioner.kubeconfig"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the run."""
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
        yield Path(name)


def _entered(admin: Path, folder: Path, audit: Path | None, words: str) -> Plane:
    api = Api(admin)
    service_account.install(api)
    token = service_account.token_kubeconfig(api, admin, folder / "account.kubeconfig")
    return Plane(token, api, audit, words)


async def _until(condition: Callable[[], bool], otherwise: str) -> None:
    try:
        async with asyncio.timeout(_START):
            while not condition():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)
    except TimeoutError as late:
        raise BenchUnavailable(otherwise) from late
