"""The cluster's side of the stack: kubeconfigs, and the roles that Tollgate ships."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from deploy.sandbox.stack.secrets import StackSecrets
from deploy.sandbox.stack.settings import ROOT
from deploy.sandbox.supervisor.files import write_atomic

RBAC = ROOT / "deploy" / "rbac"
PROVISIONER_USER = "system:serviceaccount:tollgate:tollgate-provisioner"
_SERVICE_ACCOUNT_GROUPS = ["system:serviceaccounts", "system:serviceaccounts:tollgate"]
_COLLECTIONS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
}


def write_tokens(file: Path, secrets: StackSecrets) -> None:
    """Write the sandbox cluster's table of bearer tokens."""
    table = {
        secrets.cluster_admin: {"user": "admin", "groups": ["system:masters"]},
        secrets.cluster_provisioner: {
            "user": PROVISIONER_USER,
            "groups": _SERVICE_ACCOUNT_GROUPS,
        },
    }
    write_atomic(file, orjson.dumps(table), 0o600)


def write_kubeconfig(file: Path, *, server: str, ca: Path, user: str, token: str) -> None:
    """Write a kubeconfig for one user of the sandbox cluster."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "tollgate",
                "cluster": {"server": server, "certificate-authority": str(ca)},
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "tollgate", "context": {"cluster": "tollgate", "user": user}}],
        "current-context": "tollgate",
    }
    write_atomic(file, yaml.safe_dump(config).encode(), 0o600)


async def apply_roles(server: str, ca: Path, token: str) -> None:
    """Apply what `deploy/rbac` ships, as its administrator would."""
    objects = [
        item
        for path in sorted(RBAC.glob("*.yaml"))
        for item in yaml.safe_load_all(path.read_text())
        if item
    ]
    # Namespaces first: what lives in one comes after it.
    objects.sort(key=lambda item: item["kind"] != "Namespace")
    tls = ssl.create_default_context(cafile=str(ca))
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/apply-patch+yaml",
    }
    async with aiohttp.ClientSession(
        headers=headers, connector=aiohttp.TCPConnector(ssl=tls)
    ) as session:
        for item in objects:
            url = server + _path(item) + "?fieldManager=tollgate-install&force=true"
            async with session.patch(url, data=orjson.dumps(item)) as answer:
                if answer.status >= 300:
                    raise RuntimeError(f"cannot apply {_path(item)}: {await answer.text()}")


def _path(item: Mapping[str, Any]) -> str:
    version, metadata = item["apiVersion"], item["metadata"]
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    if "namespace" in metadata:
        base += f"/namespaces/{metadata['namespace']}"
    return f"{base}/{_COLLECTIONS[item['kind']]}/{metadata['name']}"
