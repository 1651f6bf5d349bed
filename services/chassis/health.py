"""Whether this process serves, per service: asked over gRPC by clients, over HTTP by probes."""

import asyncio

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.context import Context

HEALTH_SERVICE = "grpc.health.v1.Health"
OVERALL = ""

_Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):
    """Nothing is SERVING until the composition root says so; the whole is, when every part is.

    Unlike the servicer that comes with gRPC, watches end when told, so that a drain does not wait
    for them until its grace is over.
    """

    def __init__(self) -> None:
        self._serving: dict[str, bool] = {}
        self._draining = False
        self._over = False
        self._changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        """True when every declared service is SERVING and no drain has begun."""
        return bool(self._serving) and all(self._serving.values()) and not self._draining

    def declare(self, service: str) -> None:
        """Make a service known as NOT_SERVING."""
        self._serving.setdefault(service, False)

    def mark(self, service: str, serving: bool) -> None:
        """Say whether a service serves; during a drain nothing serves again."""
        self._serving[service] = serving
        self._wake()

    def mark_all(self, serving: bool) -> None:
        """Say it of every declared service."""
        self._serving = dict.fromkeys(self._serving, serving)
        self._wake()

    def drain(self) -> None:
        """Report NOT_SERVING to everybody from now on."""
        self._draining = True
        self._wake()

    def end_watches(self) -> None:
        """Let every watch end; their clients have been told."""
        self._over = True
        self._wake()

    async def Check(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        status = self._status(request.service)
        if status == _Status.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> None:
        told: int | None = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != told:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                told = status
                continue
            if self._over:
                return
            await changed.wait()

    def _status(self, service: str) -> int:
        if service != OVERALL and service not in self._serving:
            return _Status.SERVICE_UNKNOWN
        up = self.ready if service == OVERALL else self._serving[service] and not self._draining
        return _Status.SERVING if up else _Status.NOT_SERVING

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
