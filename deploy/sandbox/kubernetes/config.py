"""How a sandbox cluster is started: options and the command line that sets them."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.controllers.pods import PodTimes


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Everything that can be chosen.

    `port` 0 takes a free one. Without `tls_cert` and `tls_key` the server speaks plain HTTP;
    without `data` it forgets everything when it ends. `history` is the number of changes per type
    that watches can go back.
    """

    tokens: Mapping[str, User] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    data: Path | None = None
    history: int = 4096
    bookmark_seconds: float = 60.0
    pods: PodTimes = field(default_factory=PodTimes)
    faults: bool = False


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The options of the command, files not read yet."""

    tokens: Path
    port_file: Path | None
    options: ClusterOptions


def parse_arguments(arguments: Sequence[str]) -> CommandLine:
    """Read the command line; exits with a usage message where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.sandbox.kubernetes",
        description="A small Kubernetes API server for development, tests and demonstrations.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that gets the port once it listens")
    parser.add_argument("--tls-cert", type=Path, help="server certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, help="its private key (PEM)")
    parser.add_argument("--tokens", type=Path, required=True, help="JSON file of bearer tokens")
    parser.add_argument("--data", type=Path, help="folder of the journal; without it, memory only")
    parser.add_argument("--history", type=int, default=4096, help="changes kept per type")
    parser.add_argument("--bookmark-seconds", type=float, default=60.0, help="between bookmarks")
    parser.add_argument(
        "--pod-start-seconds", type=float, default=0.05, help="until a pod is ready"
    )
    parser.add_argument("--pod-stop-seconds", type=float, default=0.05, help="until a pod is gone")
    parser.add_argument(
        "--job-seconds", type=float, default=0.05, help="until a job's pod succeeds"
    )
    parser.add_argument("--faults", action="store_true", help="serve POST /sandbox/faults")
    given = parser.parse_args(arguments)
    if (given.tls_cert is None) != (given.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    options = ClusterOptions(
        host=given.host,
        port=given.port,
        tls_cert=given.tls_cert,
        tls_key=given.tls_key,
        data=given.data,
        history=given.history,
        bookmark_seconds=given.bookmark_seconds,
        pods=PodTimes(given.pod_start_seconds, given.pod_stop_seconds, given.job_seconds),
        faults=given.faults,
    )
    return CommandLine(given.tokens, given.port_file, options)
