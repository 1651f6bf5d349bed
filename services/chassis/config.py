"""The settings that every process shares, read from the environment once at start."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.chassis.env import ConfigError as ConfigError
from services.chassis.env import Env as Env
from services.chassis.env import Secret as Secret
from services.chassis.env import StartError as StartError
from services.chassis.tls import TlsFiles

POSTGRES_EXPECTED = "a PostgreSQL URL such as postgresql://user:password@host:5432/database"
_POSTGRES = ("postgresql", "postgres")
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class ProcessConfig:
    """What a process needs before it knows what it is.

    ``metrics_address`` is where /metrics, /livez and /readyz answer; empty turns them off.
    ``push_seconds`` is how often metrics are pushed, if there is an OTLP endpoint.
    ``drain_seconds`` bounds how long calls and finite work may go on after SIGTERM.
    """

    log_level: str
    otlp_endpoint: str
    push_seconds: float
    trace_ratio: float
    metrics_address: str
    drain_seconds: float


@dataclass(frozen=True, slots=True)
class ChassisConfig:
    """Listeners, certificates, the identity provider and the database of one service.

    ``public_tls`` is None for a plaintext public listener (TLS ends in front of it).
    ``oidc_base`` is what stands before ``/realms/<organization>`` in a token's issuer.
    ``migrate_url`` is empty where this process runs no migrations.
    """

    service: str
    public_address: str
    internal_address: str
    tls: TlsFiles
    public_tls: TlsFiles | None
    oidc_base: str
    oidc_audience: str
    oidc_certs_path: str
    database_url: Secret
    migrate_url: Secret
    database_pool: int
    max_concurrent_rpcs: int
    process: ProcessConfig

    @property
    def log_level(self) -> str:
        """The lowest level that is logged."""
        return self.process.log_level

    @property
    def otlp_endpoint(self) -> str:
        """Where spans and metrics are sent; empty sends none."""
        return self.process.otlp_endpoint

    @property
    def metrics_address(self) -> str:
        """Where metrics and probes answer; empty turns them off."""
        return self.process.metrics_address


def environment() -> Env:
    """Return this process's own environment."""
    return Env(os.environ)


def read_process(env: Env) -> ProcessConfig:
    """Read what every process understands, whatever it is."""
    return ProcessConfig(
        log_level=env.choice("LOG_LEVEL", _LEVELS, default="info", doc="lowest level logged"),
        otlp_endpoint=env.url(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            expected="a URL such as http://127.0.0.1:4317",
            default="",
            doc="where spans and metrics are sent, none if empty",
        ),
        push_seconds=env.seconds(
            "TOLLGATE_METRICS_PUSH_SECONDS", default=60.0, doc="how often metrics are sent there"
        ),
        trace_ratio=env.ratio(
            "TOLLGATE_TRACE_RATIO", default=0.01, doc="share of new traces that is recorded"
        ),
        metrics_address=env.address(
            "TOLLGATE_METRICS_ADDRESS",
            default="",
            example="127.0.0.1:9101",
            doc="/metrics, /livez and /readyz, off if empty",
        ),
        drain_seconds=env.seconds(
            "TOLLGATE_DRAIN_SECONDS", default=10.0, doc="how long calls may go on after SIGTERM"
        ),
    )


def read_chassis(
    env: Env, service: str, *, listeners: bool = True, database: bool = True
) -> ChassisConfig:
    """Read the settings block of a service.

    The gateway has neither gRPC listeners nor a database and says so; those fields are then empty.
    """
    return ChassisConfig(
        service=service,
        public_address=_listener(env, "PUBLIC", "127.0.0.1:9001") if listeners else "",
        internal_address=_listener(env, "INTERNAL", "127.0.0.1:9002") if listeners else "",
        tls=_tls_files(env),
        public_tls=_public_tls(env) if listeners else None,
        oidc_base=env.url(
            "TOLLGATE_OIDC_BASE",
            expected="a URL such as http://127.0.0.1:9000",
            doc="what stands before /realms/<organization> in an issuer",
        ).rstrip("/"),
        oidc_audience=env.text(
            "TOLLGATE_OIDC_AUDIENCE", default="tollgate", doc="audience that a token must name"
        ),
        oidc_certs_path=env.text(
            "TOLLGATE_OIDC_CERTS_PATH",
            default="/protocol/openid-connect/certs",
            doc="where an issuer publishes its keys",
        ),
        database_url=_postgres(env, "DATABASE_URL", None if database else "", "service's role"),
        migrate_url=_postgres(env, "TOLLGATE_MIGRATE_URL", "", "owner's role, for migrations"),
        database_pool=env.number(
            "TOLLGATE_DATABASE_POOL", default=10, at_least=1, at_most=200, doc="connections"
        ),
        max_concurrent_rpcs=env.number(
            "TOLLGATE_MAX_CONCURRENT_RPCS",
            default=1024,
            at_least=1,
            at_most=100_000,
            doc="calls at once on each listener, the rest is refused",
        ),
        process=read_process(env),
    )


def read_target(env: Env, service: str) -> str:
    """Read where another service's internal listener is: ``TOLLGATE_<SERVICE>_TARGET``."""
    return env.address(
        f"TOLLGATE_{service.upper()}_TARGET",
        example="127.0.0.1:9002",
        doc=f"internal listener of {service}",
    )


def _listener(env: Env, kind: str, example: str) -> str:
    doc = f"{kind.lower()} gRPC listener"
    return env.address(f"TOLLGATE_{kind}_ADDRESS", example=example, doc=doc)


def _tls_files(env: Env) -> TlsFiles:
    return TlsFiles(
        cert=env.path("TOLLGATE_TLS_CERT", doc="own certificate chain, PEM"),
        key=env.path("TOLLGATE_TLS_KEY", doc="its private key, PEM"),
        ca=env.path("TOLLGATE_TLS_CA", doc="authority of the other services, PEM"),
    )


def _public_tls(env: Env) -> TlsFiles | None:
    cert = env.path(
        "TOLLGATE_PUBLIC_TLS_CERT", default=Path(), doc="turns TLS on for the public listener"
    )
    key = env.path("TOLLGATE_PUBLIC_TLS_KEY", default=Path(), doc="its private key")
    if (cert == Path()) != (key == Path()):
        env.problem("TOLLGATE_PUBLIC_TLS_KEY", "certificate and key must be given together")
    return None if cert == Path() else TlsFiles(cert=cert, key=key)


def _postgres(env: Env, name: str, default: str | None, doc: str) -> Secret:
    return env.secret_url(
        name, schemes=_POSTGRES, expected=POSTGRES_EXPECTED, default=default, doc=doc
    )
