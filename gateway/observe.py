"""One log line, one span and one count for each request. Outermost, and plain ASGI to be cheap."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.metrics import Metrics
from services.chassis.telemetry import remote_span

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("gateway.http")


class Observer:
    """Watches an application. The route's pattern is the label, never the path itself."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        labels = ("method", "route", "status")
        self._handled = metrics.counter("http_requests", "Requests answered", labels)
        self._seconds = metrics.histogram("http_seconds", "Duration of requests", labels[:2])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with remote_span(_header(scope, b"traceparent"), f"{scope['method']} {scope['path']}"):
            try:
                await self._app(scope, receive, watched)
            finally:
                self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], _route(scope)
        self._handled.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )


def _route(scope: Scope) -> str:
    """Return the pattern that matched: a plain route without parameters is its own pattern."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    if "endpoint" in scope and not scope.get("path_params"):
        return str(scope["path"])
    return "none"


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""
