"""One log line, one span and one count for each request. Outermost, and plain ASGI to be cheap.

Webhooks are counted one by one and told of by the batch in which they went on.
"""

import time
from collections import Counter as Count
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http.client import OK

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.ports import IngestAnswer, Webhook
from gateway.problems import crashed
from services.chassis.metrics import Counter, Histogram, Metrics
from services.chassis.telemetry import remote_span

Ingest = Callable[[Sequence[Webhook]], Awaitable[Sequence[IngestAnswer]]]

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("gateway.http")


class Observer:
    """Watches an application. The route's pattern is the label, never the path itself.

    Requests to the ``hot`` paths go straight to theirs. One that is taken is counted here and told
    of with the batch that it went on in; one that is not has its line here like any other.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hot: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._hot = hot
        labels = ("method", "route", "status")
        self._handled = metrics.counter("http_requests", "Requests answered", labels)
        self._seconds = metrics.histogram("http_seconds", "Duration of requests", labels[:2])
        self._counts: dict[tuple[str, str, int], Counter] = {}
        self._durations: dict[tuple[str, str], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"] in self._hot:
            await self._pass_hot(scope, receive, send)
        else:
            await self._pass(scope, receive, send)

    async def _pass_hot(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, status, began = scope["path"], 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._hot[route](scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - answered in the dialect's words, as elsewhere
            _log.error("request failed", route=route, exc_info=error)
            answer = await crashed(Request(scope), error)
            await answer(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - began
            self._count("POST", route, status, seconds)
            if status != OK:
                self._say("POST", route, status, seconds)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
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
        self._count(method, route, status, seconds)
        self._say(method, route, status, seconds)

    def _count(self, method: str, route: str, status: int, seconds: float) -> None:
        # Few and known: what is looked up by its labels each time costs more than the counting.
        key = (method, route, status)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = self._handled.labels(method, route, str(status))
        count.inc()
        duration = self._durations.get(key[:2])
        if duration is None:
            duration = self._durations[key[:2]] = self._seconds.labels(method, route)
        duration.observe(seconds)

    def _say(self, method: str, route: str, status: int, seconds: float) -> None:
        _log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def told(ingest: Ingest) -> Ingest:
    """Tell of each batch of webhooks that is handed over: one line and one span for all of them."""

    async def watched(webhooks: Sequence[Webhook]) -> Sequence[IngestAnswer]:
        began = time.perf_counter()
        with remote_span("", "webhooks"):
            answers = await ingest(webhooks)
            outcomes = Count(answer.outcome.value.replace(" ", "_") for answer in answers)
            seconds = time.perf_counter() - began
            _log.info("webhooks", count=len(webhooks), ms=round(seconds * 1000, 1), **outcomes)
        return answers

    return watched


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
