"""The two listeners of a service: a public one for people, an internal one for services."""

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio
import structlog
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from opentelemetry.trace import Tracer

from services.chassis.access import ANY_CALLER, AccessTable, Role, Rule, check_complete
from services.chassis.config import ChassisConfig
from services.chassis.env import StartError, split_address
from services.chassis.health import HEALTH_SERVICE, Health
from services.chassis.interceptors.admission import Verifier, admitting_people, admitting_services
from services.chassis.interceptors.call import Handler, Kind, Layer, Registrar, bound
from services.chassis.interceptors.limit import limiting
from services.chassis.interceptors.record import recording
from services.chassis.interceptors.sanitise import sanitise
from services.chassis.interceptors.span import spanning
from services.chassis.metrics import Metrics
from services.chassis.process import Process
from services.chassis.telemetry import tracer as process_tracer
from services.chassis.tls import CertificateSource, TlsFiles, server_credentials
from services.chassis.tokens import TokenVerifier

Servicers = Sequence[tuple[Callable[[Any, Any], None], object, str]]
"""What generated code registers: its ``add_…_to_server``, the servicer, the service's full name."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.server")

_HEALTH_RULE = Rule(callers=frozenset({ANY_CALLER}), anonymous=True)
_REFLECTION_RULE = Rule(callers=frozenset({ANY_CALLER}), roles=frozenset({Role.ANY}))
_BUILT_IN: Mapping[str, Rule] = {
    f"/{HEALTH_SERVICE}/Check": _HEALTH_RULE,
    f"/{HEALTH_SERVICE}/Watch": _HEALTH_RULE,
    f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": _REFLECTION_RULE,
}


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen (port 0 means a free one); without ``tls`` in plaintext, on public only."""

    address: str
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one listener. Times in seconds, sizes in bytes.

    ``connection_age`` makes clients resolve names anew; ``drain_notice`` is how long clients have
    to see NOT_SERVING before calls are no longer taken; ``drain_grace`` how long calls may go on.
    """

    concurrent_rpcs: int = 1024
    receive_bytes: int = 4 * 1024 * 1024
    metadata_bytes: int = 32 * 1024
    connection_age: float = 300.0
    keepalive: float = 30.0
    without_deadline: float = 60.0
    drain_notice: float = 0.3
    drain_grace: float = 10.0


DEFAULT_LIMITS = Limits()
DEFAULT_EDGES = frozenset({"gateway"})


class GrpcServer:
    """Serves the same servicers on both listeners, with what differs between them in between.

    ``edges`` are services that bring people in from outside, see ``access.admit_service``. The
    composition root says by ``health`` (or ``serve``) when a service is SERVING.
    """

    def __init__(
        self,
        name: str,
        servicers: Servicers,
        access: AccessTable,
        verifier: Verifier,
        *,
        public: Listener,
        internal: Listener,
        health: Health,
        metrics: Metrics,
        limits: Limits = DEFAULT_LIMITS,
        edges: frozenset[str] = DEFAULT_EDGES,
        tracer: Tracer | None = None,
    ) -> None:
        if internal.tls is None or internal.tls.ca is None:
            raise StartError(f"{name}: the internal listener needs certificate, key and authority.")
        services = _registered(servicers)
        check_complete(services.methods(), access)
        self._name = name
        self._health = health
        self._limits = limits
        self._public, self._internal = public, internal
        self._ports = {Kind.PUBLIC: 0, Kind.INTERNAL: 0}
        self._servers: list[grpc.aio.Server] = []
        table = {**access, **_BUILT_IN}
        around = (sanitise, spanning(tracer or process_tracer()), recording(metrics))
        limit = limiting(limits.without_deadline)
        self._layers: dict[Kind, list[Layer]] = {
            Kind.PUBLIC: [*around, admitting_people(table, verifier), limit],
            Kind.INTERNAL: [*around, admitting_services(table, edges), limit],
        }
        self._served = tuple(services.services)
        for service in self._served:
            health.declare(service)
        self._services = _with_built_in(services, health)

    @classmethod
    def from_config(
        cls, config: ChassisConfig, process: Process, servicers: Servicers, access: AccessTable
    ) -> "GrpcServer":
        """Make the server of a service from its settings."""
        verifier = TokenVerifier(
            config.oidc_base,
            audience=config.oidc_audience,
            clock=process.clock,
            certs_path=config.oidc_certs_path,
        )
        return cls(
            config.service,
            servicers,
            access,
            verifier,
            public=Listener(config.public_address, config.public_tls),
            internal=Listener(config.internal_address, config.tls),
            health=process.health,
            metrics=process.metrics,
            limits=Limits(
                concurrent_rpcs=config.max_concurrent_rpcs,
                drain_grace=config.process.drain_seconds,
            ),
        )

    @property
    def public_port(self) -> int:
        """The bound port of the public listener, 0 before ``start``."""
        return self._ports[Kind.PUBLIC]

    @property
    def internal_port(self) -> int:
        """The bound port of the internal listener, 0 before ``start``."""
        return self._ports[Kind.INTERNAL]

    async def start(self) -> None:
        """Listen on both addresses; nothing is SERVING yet.

        Raises StartError, in one sentence, if an address cannot be had.
        """
        for kind, listener in ((Kind.PUBLIC, self._public), (Kind.INTERNAL, self._internal)):
            await _probe(self._name, listener.address)
            server = grpc.aio.server(
                handlers=bound(self._services, kind, self._layers[kind]),
                options=_options(self._limits),
                maximum_concurrent_rpcs=self._limits.concurrent_rpcs,
            )
            self._ports[kind] = _bind(self._name, server, listener, mutual=kind is Kind.INTERNAL)
            self._servers.append(server)
        for server in self._servers:
            await server.start()
        ports = {f"{kind.value}_port": port for kind, port in self._ports.items()}
        _log.info("listening", server=self._name, **ports)

    async def serve(self, stopping: asyncio.Event) -> None:
        """Start if not started, report the services SERVING, wait for ``stopping``, then drain.

        What else was declared in ``health`` stays as its owner said.
        """
        if not self._servers:
            await self.start()
        for service in self._served:
            self._health.mark(service, True)
        try:
            await stopping.wait()
        finally:
            await self.drain()

    async def drain(self) -> None:
        """Tell clients, give them a moment to go elsewhere, let calls end. Repeats do nothing."""
        if not self._servers:
            return
        servers, self._servers = self._servers, []
        self._health.drain()
        await asyncio.sleep(self._limits.drain_notice)
        self._health.end_watches()
        async with asyncio.TaskGroup() as stops:
            for server in servers:
                stops.create_task(server.stop(self._limits.drain_grace))


def _registered(servicers: Servicers) -> Registrar:
    registrar = Registrar()
    for add, servicer, name in servicers:
        add(servicer, registrar)
        if name not in registrar.services:
            raise StartError(f"{type(servicer).__name__} does not register the service {name}.")
    return registrar


def _with_built_in(registrar: Registrar, health: Health) -> dict[str, dict[str, Handler]]:
    names = [*registrar.services, HEALTH_SERVICE, reflection.SERVICE_NAME]
    reflect = reflection.aio.ReflectionServicer(names)
    add_reflection = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
    servicers: Servicers = [
        (health_pb2_grpc.add_HealthServicer_to_server, health, HEALTH_SERVICE),
        (add_reflection, reflect, reflection.SERVICE_NAME),
    ]
    own = _registered(servicers)
    return {**registrar.services, **own.services}


def _options(limits: Limits) -> list[tuple[str, int]]:
    keepalive = int(limits.keepalive * 1000)
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.receive_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes * 2),
        ("grpc.max_connection_age_ms", int(limits.connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", 30_000),
        ("grpc.keepalive_time_ms", keepalive),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients ping as often as this server does; half of that is their tolerance.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", keepalive // 2),
        ("grpc.http2.min_ping_interval_without_data_ms", keepalive // 2),
    ]


async def _probe(name: str, address: str) -> None:
    # gRPC says only that binding failed, not why.
    host, port = split_address(address)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise StartError(f"{name} cannot listen on {address}: there is no such host.") from error
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise StartError(f"{name} cannot listen on {address}: {_why(error)}.") from error


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another process already does"
    return (error.strerror or "it cannot be bound").lower()


def _bind(name: str, server: grpc.aio.Server, listener: Listener, *, mutual: bool) -> int:
    try:
        if listener.tls is None:
            return server.add_insecure_port(listener.address)
        credentials = server_credentials(CertificateSource(listener.tls), mutual=mutual)
        return server.add_secure_port(listener.address, credentials)
    except RuntimeError as error:
        text = f"{name} cannot listen on {listener.address}: the port is taken."
        raise StartError(text) from error
