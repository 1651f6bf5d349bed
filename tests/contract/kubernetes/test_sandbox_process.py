"""The command: TLS, the port file, and a journal that survives a kill."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.kubernetes.cluster import Cluster, connected, eventually
from tests.contract.kubernetes.implementations import ADMIN_TOKEN, configuration_for
from tests.contract.kubernetes.objects import config_map, deployment

_ROOT = Path(__file__).resolve().parents[3]


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


@dataclass
class Running:
    """A process of the command."""

    process: asyncio.subprocess.Process
    cluster: Cluster


@asynccontextmanager
async def _started(folder: Path, *more: str) -> AsyncIterator[Running]:
    """The command with its data in the folder; killed at the end if it still runs."""
    certificate, private = folder / "tls.crt", folder / "tls.key"
    if not certificate.exists():
        _certificate(folder)
    tokens, port_file = folder / "tokens.json", folder / "port"
    tokens.write_bytes(orjson.dumps({ADMIN_TOKEN: {"user": "admin", "groups": ["system:masters"]}}))
    port_file.unlink(missing_ok=True)
    arguments = {
        "--tls-cert": certificate,
        "--tls-key": private,
        "--tokens": tokens,
        "--data": folder / "data",
        "--port-file": port_file,
    }
    flat = [str(part) for pair in arguments.items() for part in pair]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.sandbox.kubernetes", *flat, *more, cwd=_ROOT
    )
    try:

        async def port() -> str | None:
            assert process.returncode is None
            return port_file.read_text().strip() if port_file.exists() else None

        configuration = configuration_for(
            f"https://127.0.0.1:{await eventually(port)}", certificate
        )
        async with connected(configuration, folder) as cluster:
            yield Running(process, cluster)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with _started(tmp_path) as first:
        namespace = await first.cluster.namespace()
        here = f"/api/v1/namespaces/{namespace}/configmaps"
        made = [
            await first.cluster.call("POST", here, config_map(f"m{i}", a="1")) for i in range(20)
        ]
        await first.cluster.call("DELETE", f"{here}/m3")
        last = await first.cluster.apply(f"{here}/m4", config_map("m4", b="2"))
        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
    with (tmp_path / "data" / "journal.jsonl").open("ab") as journal:
        journal.write(b'[999999,"configmaps","torn')
    async with _started(tmp_path) as second:
        listed = await second.cluster.call("GET", here, labelSelector="")
        found = {item["metadata"]["name"]: item for item in listed.body["items"]}
        wanted = {answer.body["metadata"]["name"]: answer.body for answer in made}
        del wanted["m3"]
        wanted["m4"] = last.body
        assert {name: found.get(name) for name in wanted} == wanted
        assert "m3" not in found
        assert int(last.version) <= int(listed.version) < 999999
        old = {"watch": "true", "resourceVersion": made[0].version}
        async with second.cluster.stream(here, **old) as response:
            event = orjson.loads(await response.content.readline())
        assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
        fresh = await second.cluster.call("POST", here, config_map("after"))
        assert int(fresh.version) > int(last.version)


async def test_controllers_go_on_after_a_kill(tmp_path: Path) -> None:
    async with _started(tmp_path, "--pod-start-seconds", "60") as first:
        namespace = await first.cluster.namespace()
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        await first.cluster.call("POST", path, deployment("web", 2))
        pods = f"/api/v1/namespaces/{namespace}/pods"
        await first.cluster.until(pods, lambda answer: len(answer.body["items"]) == 2)
        first.process.kill()
        await first.process.wait()
    async with _started(tmp_path) as second:
        await second.cluster.until(
            f"{path}/web", lambda answer: answer.body["status"].get("readyReplicas") == 2
        )


async def test_sigterm_stops_it_cleanly_with_watches_open(tmp_path: Path) -> None:
    async with (
        _started(tmp_path) as running,
        running.cluster.stream("/api/v1/pods", watch="true", resourceVersion="0"),
        asyncio.timeout(10),
    ):
        running.process.terminate()
        assert await running.process.wait() == 0


async def test_two_processes_cannot_share_a_journal(tmp_path: Path) -> None:
    async with _started(tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.sandbox.kubernetes",
            "--tokens",
            str(tmp_path / "tokens.json"),
            "--data",
            str(tmp_path / "data"),
            cwd=_ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        _, error = await process.communicate()
        assert process.returncode != 0
        assert b"is used by another sandbox cluster" in error
