"""The command lines of a control plane's processes, and the files that they read."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from deploy.sandbox.ca.authority import Authority, CertificateFiles
from deploy.sandbox.stack.cluster import write_kubeconfig
from deploy.sandbox.supervisor.files import write_atomic
from deploy.sandbox.supervisor.ports import free_port

_STAGES = Path(__file__).resolve().parent / "stages.yaml"
_HNC_GROUPS = "system:masters,system:serviceaccounts:hnc-system"
_USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kubelets": ("kwok", "system:masters"),
    # Its webhooks let pass what this group does; its role upstream is everything on everything.
    "hnc": ("system:serviceaccount:hnc-system:default", _HNC_GROUPS),
}
# Which account asked for what: this is how a test sees that a role grants no more than is used.
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts:tollgate"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True)
class Plane:
    """One control plane: its home, its ports, its certificates."""

    home: Path
    store_port: int
    peer_port: int
    api_port: int
    store_tls: CertificateFiles
    api_tls: CertificateFiles

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.home / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """What the service accounts of the namespace `tollgate` asked for, a JSON event a line."""
        return self.home / "log" / "audit.log"

    def etcd(self) -> list[str]:
        """The store; only who holds a certificate of this control plane gets in."""
        client, peer = (f"https://127.0.0.1:{port}" for port in (self.store_port, self.peer_port))
        tls = self.store_tls
        return [
            f"--data-dir={self.home / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            *(f"--cert-file={tls.cert}", f"--key-file={tls.key}"),
            *(f"--trusted-ca-file={tls.ca}", "--client-cert-auth"),
            *(f"--peer-cert-file={tls.cert}", f"--peer-key-file={tls.key}"),
            *(f"--peer-trusted-ca-file={tls.ca}", "--peer-client-cert-auth"),
        ]

    def api_server(self) -> list[str]:
        """The API server."""
        return [
            f"--etcd-servers=https://127.0.0.1:{self.store_port}",
            f"--etcd-cafile={self.store_tls.ca}",
            f"--etcd-certfile={self.store_tls.cert}",
            f"--etcd-keyfile={self.store_tls.key}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.api_port}",
            # It wants an address that is not loopback, and nothing here ever uses it.
            *("--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"),
            f"--tls-cert-file={self.api_tls.cert}",
            f"--tls-private-key-file={self.api_tls.key}",
            f"--token-auth-file={self.home / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.home / 'accounts.pub'}",
            f"--service-account-signing-key-file={self.home / 'accounts.key'}",
            "--allow-privileged=true",
            "--profiling=false",
            f"--audit-policy-file={self.home / 'audit-policy.json'}",
            f"--audit-log-path={self.audit_log}",
        ]

    def controllers(self) -> list[str]:
        """The controller manager, each controller as the account that upstream gives it."""
        return [
            f"--kubeconfig={self.home / 'controllers.kubeconfig'}",
            f"--service-account-private-key-file={self.home / 'accounts.key'}",
            f"--root-ca-file={self.api_tls.ca}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
            # The defaults spare a cluster of thousands of nodes; here a test waits.
            *("--kube-api-qps=500", "--kube-api-burst=1000"),
            "--horizontal-pod-autoscaler-sync-period=1s",
            "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
        ]

    def scheduler(self) -> list[str]:
        """The scheduler."""
        return [
            f"--kubeconfig={self.home / 'scheduler.kubeconfig'}",
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
        ]

    def kubelets(self) -> list[str]:
        """kwok, which plays the kubelet of every node."""
        return [
            f"--kubeconfig={self.home / 'kubelets.kubeconfig'}",
            f"--config={_STAGES}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
        ]


def lay_out(home: Path) -> Plane:
    """Write what the processes read, anew but for certificates that still stand."""
    (home / "log").mkdir(parents=True, exist_ok=True)
    authority = Authority(home / "certificates")
    ports: list[int] = []
    for _ in range(3):
        ports.append(free_port(avoid=ports))
    store_tls = authority.issue("etcd", spiffe=False)
    api_tls = authority.issue("kubernetes", spiffe=False)
    plane = Plane(home, ports[0], ports[1], ports[2], store_tls, api_tls)
    _write_account_keys(home)
    _write_users(plane)
    write_atomic(home / "audit-policy.json", orjson.dumps(_AUDIT))
    return plane


def _write_account_keys(home: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_atomic(home / "accounts.key", private)
    write_atomic(home / "accounts.pub", public)


def _write_users(plane: Plane) -> None:
    lines = []
    for file, (name, groups) in _USERS.items():
        token = secrets.token_urlsafe(32)
        lines.append(f'{token},{name},{file},"{groups}"')
        target = plane.kubeconfig if file == "admin" else plane.home / f"{file}.kubeconfig"
        write_kubeconfig(
            target,
            server=f"https://127.0.0.1:{plane.api_port}",
            ca=plane.api_tls.ca,
            user=file,
            token=token,
        )
    write_atomic(plane.home / "tokens.csv", "\n".join(lines).encode() + b"\n")
