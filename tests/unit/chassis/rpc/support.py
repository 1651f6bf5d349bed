"""What the tests of the RPC side share: an authority, an issuer, a clock, a small service."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.chassis.access import AccessTable, Role, Rule
from services.chassis.channel import Channel, connect
from services.chassis.health import Health
from services.chassis.metrics import Metrics
from services.chassis.server import GrpcServer, Limits, Listener
from services.chassis.sink import DELIVER, SERVICE
from services.chassis.tls import TlsFiles, spiffe_name
from services.chassis.tokens import TokenVerifier
from tollgate.common.v1 import fact_sink_service_pb2, fact_sink_service_pb2_grpc, facts_pb2

BASE = "http://login.test"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
QUICK = Limits(drain_notice=0.05, drain_grace=3.0)
OPEN = {
    DELIVER: Rule(callers=frozenset({"gateway", "payments"}), roles=frozenset({Role.PROJECT_USER}))
}

Request = fact_sink_service_pb2.DeliverRequest
Response = fact_sink_service_pb2.DeliverResponse
Deliver = Callable[[Request, Any], Awaitable[Response]]


class ManualClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


class Authority:
    """Makes certificates for services, as the sandbox's or a cluster's authority does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._name = name
        builder = self._builder(name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, service: str, *, uri: str | None = None, into: str | None = None) -> TlsFiles:
        """Write (or replace) the files of a service; ``uri`` overrides its SPIFFE name."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, service)])
        names: list[x509.GeneralName] = [x509.DNSName(service)]
        names.append(x509.UniformResourceIdentifier(uri or spiffe_name(service)))
        cert = (
            self._builder(name, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        folder = self._folder / (into or service)
        folder.mkdir(parents=True, exist_ok=True)
        files = TlsFiles(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write(files.cert, cert.public_bytes(Encoding.PEM))
        write(files.key, private)
        write(folder / "ca.pem", self.pem)
        return files

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )


def write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, as the tools that renew certificates do."""
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.rename(path)


class Issuer:
    """One realm's keys, and the tokens that they sign."""

    def __init__(self, realm: str = "acme") -> None:
        self.realm = realm
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.add_key("one")
        self.fetches: list[str] = []
        self.failure: Exception | None = None

    def add_key(self, key_id: str) -> None:
        self.keys[key_id] = ec.generate_private_key(ec.SECP256R1())

    async def fetch(self, url: str) -> bytes:
        self.fetches.append(url)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if url != f"{BASE}/realms/{self.realm}/protocol/openid-connect/certs":
            raise LookupError("no such realm")
        entries = []
        for key_id, key in self.keys.items():
            entry = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
            entries.append({**entry, "kid": key_id, "use": "sig", "alg": "ES256"})
        return json.dumps({"keys": entries}).encode()

    def claims(self, **changes: object) -> dict[str, object]:
        now = int(START.timestamp())
        found: dict[str, object] = {
            "iss": f"{BASE}/realms/{self.realm}",
            "aud": "tollgate",
            "sub": "alice",
            "iat": now,
            "exp": now + 300,
            "org": self.realm,
            "groups": ["user"],
            "namespaces": [f"{self.realm}-web"],
            "email": "alice@acme.test",
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}

    def token(self, key_id: str = "one", **changes: object) -> str:
        return jwt.encode(
            self.claims(**changes), self.keys[key_id], algorithm="ES256", headers={"kid": key_id}
        )


async def answer_ok(request: Request, context: Any) -> Response:
    """Accept every fact."""
    accepted = facts_pb2.FactResult.OUTCOME_ACCEPTED
    results = [facts_pb2.FactResult(id=fact.id, outcome=accepted) for fact in request.facts]
    return Response(results=results)


class SmallService(fact_sink_service_pb2_grpc.FactSinkServicer):
    """A service of one RPC whose behaviour a test gives."""

    def __init__(self, deliver: Deliver = answer_ok) -> None:
        self.deliver = deliver

    async def Deliver(self, request: Request, context: Any) -> Response:  # noqa: N802
        return await self.deliver(request, context)


@dataclass
class Running:
    """A server with what it was built from, and callers of both its listeners."""

    server: GrpcServer
    service: SmallService
    authority: Authority
    issuer: Issuer
    health: Health
    metrics: Metrics
    clock: ManualClock
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def internal(self, caller: str = "payments", **options: Any) -> Channel:
        """Connect as a service."""
        channel = connect(
            f"127.0.0.1:{self.server.internal_port}",
            server_name="pricing",
            tls=self.authority.issue(caller),
            **options,
        )
        self.channels.append(channel)
        return channel

    def public(self) -> grpc.aio.Channel:
        """Connect as anybody."""
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.public_port}")
        self.channels.append(channel)
        return channel

    async def call_public(self, token: str | None = None, *extra: tuple[str, Any]) -> Response:
        """Call the one RPC as a person; raises what gRPC raises."""
        metadata = [*extra]
        if token is not None:
            metadata.append(("authorization", f"Bearer {token}"))
        stub = stub_of(self.public())
        return await stub.Deliver(Request(), metadata=metadata, timeout=5)


def stub_of(channel: grpc.aio.Channel) -> "fact_sink_service_pb2_grpc.FactSinkAsyncStub":
    """Make a stub of the one RPC."""
    return fact_sink_service_pb2_grpc.FactSinkStub(channel)


def server_of(
    authority: Authority,
    issuer: Issuer,
    service: fact_sink_service_pb2_grpc.FactSinkServicer,
    *,
    access: AccessTable = OPEN,
    internal_address: str = "127.0.0.1:0",
    public_tls: TlsFiles | None = None,
    limits: Limits = QUICK,
    clock: ManualClock | None = None,
    health: Health | None = None,
    metrics: Metrics | None = None,
    **options: Any,
) -> GrpcServer:
    """Make a server called pricing that serves the one RPC."""
    verifier = TokenVerifier(
        BASE, audience="tollgate", clock=clock or ManualClock(), fetch=issuer.fetch
    )
    add = fact_sink_service_pb2_grpc.add_FactSinkServicer_to_server
    return GrpcServer(
        "pricing",
        [(add, service, SERVICE)],
        access,
        verifier,
        public=Listener("127.0.0.1:0", public_tls),
        internal=Listener(internal_address, authority.issue("pricing")),
        health=health or Health(),
        metrics=metrics or Metrics(),
        limits=limits,
        **options,
    )


@asynccontextmanager
async def running(
    authority: Authority, issuer: Issuer, deliver: Deliver = answer_ok, **options: Any
) -> AsyncIterator[Running]:
    """Run the small service until the block ends; it is SERVING."""
    clock, health, metrics = ManualClock(), Health(), Metrics()
    service = SmallService(deliver)
    server = server_of(
        authority, issuer, service, clock=clock, health=health, metrics=metrics, **options
    )
    await server.start()
    health.mark_all(True)
    found = Running(server, service, authority, issuer, health, metrics, clock)
    try:
        yield found
    finally:
        for channel in found.channels:
            await channel.close()
        await server.drain()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until a condition holds; fail the test if it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is outside of asyncio
            await asyncio.sleep(0.005)
