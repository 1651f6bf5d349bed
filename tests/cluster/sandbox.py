"""The sandbox cluster as a process, with TLS: without it no client sends a token."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.stack.cluster import write_kubeconfig
from tests.cluster.api import Api, wait_for
from tests.cluster.errors import ClusterError
from tests.cluster.settings import ROOT

_TOKEN = "admin-token"
_STARTED_IN = 30.0
_STOPPED_IN = 10.0


@contextmanager
def running_sandbox(folder: Path) -> Iterator[Path]:
    """Run one; gives its administrator's kubeconfig."""
    files = Authority(folder / "ca").issue("kubernetes", spiffe=False)
    tokens, port, log = folder / "tokens.json", folder / "port", folder / "log"
    tokens.write_bytes(orjson.dumps({_TOKEN: {"user": "admin", "groups": ["system:masters"]}}))
    command = [
        *(sys.executable, "-m", "deploy.sandbox.kubernetes"),
        *("--tls-cert", str(files.cert), "--tls-key", str(files.key)),
        *("--tokens", str(tokens), "--port-file", str(port)),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)  # noqa: S603

    def alive() -> None:
        if process.poll() is not None:
            raise ClusterError(f"The sandbox ended: {log.read_text()}")

    try:
        wait_for("The sandbox's start", port.exists, alive, _STARTED_IN)
        server = f"https://127.0.0.1:{int(port.read_text())}"
        kubeconfig = folder / "kubeconfig"
        write_kubeconfig(kubeconfig, server=server, ca=files.ca, user="admin", token=_TOKEN)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        ready = Api(kubeconfig)
        wait_for(account, lambda: ready.call("GET", account)[0] == 200, alive, _STARTED_IN)
        yield kubeconfig
    finally:
        process.terminate()
        process.wait(_STOPPED_IN)
