"""The way to the API server: credentials, discovery, and patience while it is away."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.dynamic import DynamicClient

from services.chassis.clock import Clock
from services.chassis.config import StartError
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.chassis.process import Process
from services.provisioner.errors import ClusterForbidden, ClusterUnavailable
from services.provisioner.kube.client import ApiResource, KubeCluster
from services.provisioner.kube.failures import RAISED, to_refusal
from services.provisioner.kube.kinds import KINDS, Kind
from services.provisioner.kube.transport import Transport
from services.provisioner.kube.writes import OwnWrites

_CONNECTIONS = 64
_RELOAD_EVERY = 10.0


# The client has no types of its own.
_load_incluster: Callable[..., None] = config.load_incluster_config
_load_kubeconfig: Callable[..., Awaitable[object]] = config.load_kube_config
_dynamic_client: Callable[..., Awaitable[DynamicClient]] = DynamicClient


async def connect_cluster(
    kubeconfig: Path | None, writes: OwnWrites, process: Process
) -> KubeCluster | None:
    """Return the cluster once it answers; closed with the process's resources.

    Says once that it waits, for as long as it does. None if the process is to stop first. Raises
    StartError, in one sentence, if there are no usable credentials.
    """
    credentials = Credentials(kubeconfig, process.clock)
    await credentials.load()
    api = ApiClient(configuration=credentials.configuration)
    process.resources.push_async_callback(api.close)
    folder = process.resources.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-kube-"))
    outage = Outage("The provisioner", process.clock)
    while not process.stopping.is_set():
        try:
            # Not where the client keeps it by default: anybody could have put a file there.
            resources = await _discover(api, Path(folder) / "discovery.json")
        except (ClusterUnavailable, ClusterForbidden) as refusal:
            await _pause(outage, refusal, process.stopping)
        else:
            outage.over()
            return KubeCluster(Transport(api), resources, writes, process.clock, credentials.reload)
    return None


class Credentials:
    """What a kubeconfig or the pod's service account says, read anew when it is refused."""

    def __init__(self, kubeconfig: Path | None, clock: Clock) -> None:
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._read_at = 0.0
        self.configuration = Configuration()
        self.configuration.connection_pool_maxsize = _CONNECTIONS
        # Else proxies are looked up again for each request, in a thread.
        self.configuration.client_session_kwargs = {"trust_env": False}

    async def load(self) -> None:
        """Read the credentials; StartError if there are none."""
        self._read_at = self._clock.monotonic()
        try:
            if self._kubeconfig is None:
                # The token of a service account is replaced now and then; the client reads it
                # anew every minute.
                _load_incluster(client_configuration=self.configuration)
            else:
                await _load_kubeconfig(
                    config_file=str(self._kubeconfig),
                    client_configuration=self.configuration,
                    persist_config=False,
                )
        except (ConfigException, OSError, ValueError) as error:
            raise StartError(self._problem(error)) from error
        self.configuration.proxy = self.configuration.proxy or _proxy(self.configuration.host)

    async def reload(self) -> bool:
        """Read the credentials again; False if that was done a moment ago and did not help."""
        if self._clock.monotonic() - self._read_at < _RELOAD_EVERY:
            return False
        await self.load()
        return True

    def _problem(self, error: Exception) -> str:
        if self._kubeconfig is None:
            return (
                "KUBECONFIG is not set and there is no service account of a pod either: "
                f"{str(error).rstrip('.')}."
            )
        return f"The kubeconfig {self._kubeconfig} cannot be used: {str(error).rstrip('.')}."


def _proxy(host: str) -> str | None:
    """Return the proxy that the environment names for this host."""
    url = urlsplit(host)
    if proxy_bypass(url.hostname or ""):
        return None
    return getproxies().get(url.scheme)


async def _discover(api: ApiClient, file: Path) -> dict[Kind, ApiResource]:
    try:
        client = await _dynamic_client(api, cache_file=str(file))
        # Named in full, so that only the few groups that are needed are asked for.
        found = [
            await client.resources.get(
                prefix="apis" if kind.group else "api",
                group=kind.group,
                api_version=kind.version,
                kind=kind.kind,
            )
            for kind in KINDS
        ]
    except RAISED as error:
        raise to_refusal(error) from error
    return dict(zip(KINDS, found, strict=True))


async def _pause(outage: Outage, refusal: Refusal, stopping: asyncio.Event) -> None:
    """Wait before the next try, but not when the process is to stop."""
    async with asyncio.TaskGroup() as group:
        wait = group.create_task(outage.pause(refusal))
        stop = group.create_task(stopping.wait())
        await asyncio.wait((wait, stop), return_when=asyncio.FIRST_COMPLETED)
        wait.cancel()
        stop.cancel()
