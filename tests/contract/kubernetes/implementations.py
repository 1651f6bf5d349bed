"""What the suite runs against: the sandbox, and a real one if a kubeconfig is named."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

from deploy.sandbox.kubernetes.access.users import user
from deploy.sandbox.kubernetes.cluster import SandboxCluster
from deploy.sandbox.kubernetes.config import ClusterOptions

SANDBOX = "sandbox"
REAL = "real"
_KUBECONFIG = "TOLLGATE_CONTRACT_KUBECONFIG"
ADMIN_TOKEN = "admin-token"
ADMIN = user("admin", "system:masters")


def implementations() -> list[str]:
    """Names of the implementations that can run here."""
    return [SANDBOX, REAL] if os.environ.get(_KUBECONFIG) else [SANDBOX]


def real_kubeconfig() -> str:
    """The kubeconfig of the real one's administrator; only where there is one."""
    return os.environ[_KUBECONFIG]


def sandbox_options(**changes: Any) -> ClusterOptions:
    """Options of a sandbox whose administrator holds ADMIN_TOKEN."""
    return ClusterOptions(tokens={ADMIN_TOKEN: ADMIN}, **changes)


def configuration_for(url: str, ca: Path | None = None) -> Any:
    """A client configuration for a sandbox."""
    made: Any = client.Configuration
    found = made(host=url)
    found.api_key["BearerToken"] = f"Bearer {ADMIN_TOKEN}"
    found.ssl_ca_cert = str(ca) if ca else None
    return found


@asynccontextmanager
async def running(implementation: str) -> AsyncIterator[Any]:
    """A cluster of that implementation; gives the configuration of its administrator's client."""
    if implementation == REAL:
        made: Any = client.Configuration
        found = made()
        load: Any = config.load_kube_config
        await load(config_file=real_kubeconfig(), client_configuration=found)
        yield found
        return
    async with SandboxCluster(sandbox_options()) as cluster:
        yield configuration_for(cluster.url)
