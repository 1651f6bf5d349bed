"""The provisioner as a process of its own, between a subscription and a cluster of the test's."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.postgres.roles import ServiceDsns
from deploy.sandbox.supervisor.ports import free_port
from services.chassis.access import Rule
from services.chassis.channel import Channel, connect
from services.chassis.clock import SystemClock
from services.chassis.facts import FactRecord
from services.chassis.health import Health
from services.chassis.metrics import Metrics
from services.chassis.server import GrpcServer, Limits, Listener
from services.chassis.sink import DELIVER, SERVICE, FactSinkServicer
from services.chassis.tls import TlsFiles
from services.chassis.tokens import TokenVerifier
from tests.integration.provisioner.cluster_fixture import PATIENCE
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.provisioner.v1 import events_pb2

ROOT = Path(__file__).resolve().parents[3]


class Reachable(Protocol):
    """A cluster that a kubeconfig leads to."""

    @property
    def kubeconfig(self) -> Path:
        """Where it is."""


@dataclass
class Subscription:
    """Takes the facts that come up."""

    port: int = 0
    facts: list[events_pb2.CapacityObserved] = field(default_factory=list)
    some: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, fact: FactRecord, source: str) -> None:
        assert source == "provisioner"
        async with self.some:
            self.facts.append(events_pb2.CapacityObserved.FromString(fact.payload))
            self.some.notify_all()

    async def until(
        self, wanted: Callable[[events_pb2.CapacityObserved], bool], seconds: float = PATIENCE
    ) -> events_pb2.CapacityObserved:
        """Wait for a fact."""
        async with asyncio.timeout(seconds), self.some:
            while True:
                found = [fact for fact in self.facts if wanted(fact)]
                if found:
                    return found[0]
                await self.some.wait()


class Launched:
    """A process, of which everything that it prints is read at once: a full pipe would block it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._process = process
        self._printed = bytearray()
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read(process.stdout))

    @property
    def log(self) -> str:
        """What it printed up to now."""
        return self._printed.decode(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.exit_code is None:
            self._process.send_signal(number)

    async def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and what it logged."""
        code = await self._process.wait()
        await self._reader
        return code, self.log

    async def says(self, text: str) -> None:
        """Wait until it printed something."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: text in self.log or self._reader.done())
        assert text in self.log, self.log

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        more = b"-"
        while more:
            more = await stdout.read(1 << 16)
            async with self._changed:
                self._printed += more
                self._changed.notify_all()


@dataclass
class Running:
    """The process and its surroundings."""

    environment: dict[str, str]
    subscription: Subscription
    channel: Channel
    process: Launched

    async def kill(self) -> None:
        """Kill it as kill -9 does."""
        self.process.send(signal.SIGKILL)
        await self.process.end()

    async def start(self) -> None:
        """Start it again."""
        self.process = await launch(self.environment)

    async def stop(self) -> tuple[int, str]:
        """Ask it to end; return its exit code and what it logged."""
        self.process.send(signal.SIGTERM)
        return await self.process.end()


async def launch(environment: dict[str, str]) -> Launched:
    """Start the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.provisioner",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return Launched(process)


def tls_of(authority: Authority, name: str) -> TlsFiles:
    """Return a service's certificate."""
    files = authority.issue(name)
    return TlsFiles(files.cert, files.key, files.ca)


@asynccontextmanager
async def running(
    cluster: Reachable, dsns: ServiceDsns, authority: Authority, **more: str
) -> AsyncIterator[Running]:
    """Run the process until the block ends."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        subscription = Subscription()
        server = await serve(subscription, authority, tasks)
        # Below the ports of outgoing calls: nobody takes it before the process does.
        tls, internal = tls_of(authority, "provisioner"), free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}",
            "DATABASE_URL": dsns.service,
            "TOLLGATE_MIGRATE_URL": dsns.owner,
            "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
            "TOLLGATE_INTERNAL_ADDRESS": f"127.0.0.1:{internal}",
            "TOLLGATE_TLS_CERT": str(tls.cert),
            "TOLLGATE_TLS_KEY": str(tls.key),
            "TOLLGATE_TLS_CA": str(tls.ca),
            "TOLLGATE_OIDC_BASE": "http://127.0.0.1:9",
            "TOLLGATE_SUBSCRIPTION_TARGET": f"127.0.0.1:{subscription.port}",
            "TOLLGATE_PROVISIONER_LEASE": "3",
            "KUBECONFIG": str(cluster.kubeconfig),
            **more,
        }
        channel = connect(
            f"127.0.0.1:{internal}",
            server_name="provisioner",
            tls=tls_of(authority, "subscription"),
            default_timeout=20.0,
            attempts=5,
        )
        stack.push_async_callback(channel.close)
        found = Running(environment, subscription, channel, await launch(environment))
        try:
            yield found
        finally:
            await found.kill()
            await server.drain()


async def serve(
    subscription: Subscription, authority: Authority, tasks: asyncio.TaskGroup
) -> GrpcServer:
    """Serve subscription's FactSink."""
    health = Health()
    server = GrpcServer(
        "subscription",
        [(add_FactSinkServicer_to_server, FactSinkServicer(subscription.take, tasks), SERVICE)],
        {DELIVER: Rule(callers=frozenset({"provisioner"}))},
        TokenVerifier("http://127.0.0.1:9", audience="tollgate", clock=SystemClock()),
        public=Listener("127.0.0.1:0"),
        internal=Listener("127.0.0.1:0", tls_of(authority, "subscription")),
        health=health,
        metrics=Metrics(),
        limits=Limits(drain_notice=0.01, drain_grace=1.0),
    )
    await server.start()
    health.mark_all(True)
    subscription.port = server.internal_port
    return server
