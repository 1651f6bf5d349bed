"""The cluster's side of the stack: kubeconfigs, and the roles that Tollgate ships."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

from deploy.sandbox.stack.kubeapi import APPLY, KubeApi
from deploy.sandbox.stack.secrets import StackSecrets
from deploy.sandbox.stack.settings import ROOT
from deploy.sandbox.supervisor.files import write_atomic

RBAC = ROOT / "deploy" / "rbac"
PLANS_ROLE = ROOT / "deploy" / "kube-dc" / "billing-plans.yaml"
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


async def apply_roles(api: KubeApi) -> None:
    """Apply what `deploy/rbac` ships, as its administrator would; KubeApiError if it may not."""
    objects = [
        item
        for path in sorted(RBAC.glob("*.yaml"))
        for item in yaml.safe_load_all(path.read_text())
        if item
    ]
    # Namespaces first: what lives in one comes after it.
    objects.sort(key=lambda item: item["kind"] != "Namespace")
    await _apply(api, objects)


async def apply_plans_role(api: KubeApi, plans: str) -> None:
    """Let the provisioner read the ConfigMap `namespace/name`; nothing for an empty name.

    The namespace is made, the ConfigMap is its operator's.
    """
    if not plans:
        return
    namespace, _, name = plans.partition("/")
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
    for item in yaml.safe_load_all(PLANS_ROLE.read_text()):
        item["metadata"]["namespace"] = namespace
        for rule in item.get("rules", ()):
            rule["resourceNames"] = [name]
        objects.append(item)
    await _apply(api, objects)


async def _apply(api: KubeApi, objects: Sequence[Mapping[str, Any]]) -> None:
    query = {"fieldManager": "tollgate-install", "force": "true"}
    for item in objects:
        await api.call("PATCH", _path(item), item, content_type=APPLY, query=query)


def _path(item: Mapping[str, Any]) -> str:
    version, metadata = item["apiVersion"], item["metadata"]
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    if "namespace" in metadata:
        base += f"/namespaces/{metadata['namespace']}"
    return f"{base}/{_COLLECTIONS[item['kind']]}/{metadata['name']}"
