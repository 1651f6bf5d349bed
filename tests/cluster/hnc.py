"""The Hierarchical Namespace Controller beside a control plane, with its webhooks.

Its webhook server has no flag for its address and listens on all of them; what it answers is worth
nothing to others, and only the API server of this control plane is told of it.
"""

import base64
import shutil
from dataclasses import dataclass
from typing import Any

from deploy.sandbox.supervisor.files import write_atomic
from deploy.sandbox.supervisor.ports import free_port
from tests.cluster.api import Api
from tests.cluster.errors import ClusterError
from tests.cluster.plane import Plane

VALIDATING = "hnc-validating-webhook-configuration"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_COLLECTIONS = {
    "MutatingWebhookConfiguration": f"{_ADMISSION}/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": f"{_ADMISSION}/validatingwebhookconfigurations",
}
_QUOTAS = "/apis/hnc.x-k8s.io/v1alpha2/namespaces/default/hierarchicalresourcequotas?dryRun=All"
# As upstream's manifest has them.
_EXCLUDED = ("kube-system", "kube-public", "kube-node-lease", "hnc-system")


@dataclass(frozen=True)
class Hnc:
    """One manager: its control plane, its ports."""

    plane: Plane
    webhook_port: int
    probe_port: int

    def arguments(self) -> list[str]:
        """What the manager is told."""
        return [
            f"--kubeconfig={self.plane.home / 'hnc.kubeconfig'}",
            "--enable-hrq",
            f"--webhook-server-port={self.webhook_port}",
            f"--health-probe-bind-address=127.0.0.1:{self.probe_port}",
            "--metrics-addr=0",
            "--enable-stackdriver=false",
            "--max-reconciles=10",
            "--apiserver-qps-throttle=500",
            *(f"--excluded-namespace={name}" for name in _EXCLUDED),
        ]

    def environment(self) -> dict[str, str]:
        """It looks for its certificate below the folder for temporary files, and nowhere else."""
        return {"TMPDIR": str(self.plane.home / "hnc")}

    def webhooks(self, published: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Upstream's configurations with their patches, pointed at this manager."""
        merged: dict[str, dict[str, dict[str, Any]]] = {}
        for item in published:
            found = merged.setdefault(item["kind"], {}) if item["kind"] in _COLLECTIONS else {}
            for webhook in item.get("webhooks", ()):
                found.setdefault(webhook["name"], {}).update(webhook)
        return [
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": kind,
                "metadata": {"name": _name(kind)},
                "webhooks": [self._pointed(webhook) for webhook in webhooks.values()],
            }
            for kind, webhooks in merged.items()
        ]

    def _pointed(self, webhook: dict[str, Any]) -> dict[str, Any]:
        path = webhook["clientConfig"]["service"]["path"]
        config = {
            "url": f"https://127.0.0.1:{self.webhook_port}{path}",
            "caBundle": base64.b64encode(self.plane.api_tls.ca.read_bytes()).decode(),
        }
        # Upstream gives some two seconds, which a busy machine may need.
        return {**webhook, "clientConfig": config, "timeoutSeconds": 10}


def lay_out(plane: Plane) -> Hnc:
    """Choose its ports, and put its certificate where it looks for one."""
    folder = plane.home / "hnc" / "k8s-webhook-server" / "serving-certs"
    folder.mkdir(parents=True, exist_ok=True)
    # The API server's is good for 127.0.0.1, and both are run by whoever runs this.
    shutil.copyfile(plane.api_tls.cert, folder / "tls.crt")
    write_atomic(folder / "tls.key", plane.api_tls.key.read_bytes())
    taken = [plane.api_port, plane.store_port, plane.peer_port]
    port = free_port(avoid=taken)
    return Hnc(plane, port, free_port(avoid=[*taken, port]))


def add_webhooks(api: Api, configurations: list[dict[str, Any]]) -> None:
    """Have the API server ask the manager. Only once it answers: several fail closed."""
    for item in configurations:
        status, body = api.call("POST", _COLLECTIONS[item["kind"]], item)
        if status != 201:
            raise ClusterError(f"{item['metadata']['name']} could not be made: {body}")


def knows_namespaces(api: Api) -> bool:
    """Whether the manager's view of the namespaces has begun."""
    status, body = api.call("GET", "/api/v1/namespaces/default")
    return status == 200 and "default.tree.hnc.x-k8s.io/depth" in body["metadata"].get("labels", {})


def refuses(api: Api) -> bool:
    """Whether its webhooks are asked: a quota of what has no quota passes the schema, not them."""
    wrong = {
        "apiVersion": "hnc.x-k8s.io/v1alpha2",
        "kind": "HierarchicalResourceQuota",
        "metadata": {"name": "wrong"},
        "spec": {"hard": {"roles": "1"}},
    }
    return api.call("POST", _QUOTAS, wrong)[0] == 422


def _name(kind: str) -> str:
    return VALIDATING if kind.startswith("Validating") else "hnc-mutating-webhook-configuration"
