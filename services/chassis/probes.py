"""The small HTTP endpoint for machines: /metrics, /livez and /readyz."""

import asyncio
from collections.abc import Callable

from services.chassis.env import StartError, split_address
from services.chassis.metrics import CONTENT_TYPE, Metrics

_PLAIN = "text/plain; charset=utf-8"
_TIMEOUT = 5.0
_MAX_HEAD = 8 * 1024

Answer = tuple[int, str, bytes]


class Probes:
    """Serves metrics and probes on one address, one request for each connection."""

    def __init__(self, address: str, metrics: Metrics, ready: Callable[[], bool]) -> None:
        self._address = address
        self._metrics = metrics
        self._ready = ready
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The bound port, 0 before ``start``."""
        if self._server is None or not self._server.sockets:
            return 0
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; raise StartError if the address cannot be had."""
        host, port = split_address(self._address)
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_MAX_HEAD)
        except OSError as error:
            reason = error.strerror or str(error)
            text = f"Cannot listen on {self._address} for metrics: {reason.lower()}."
            raise StartError(text) from error

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_render(self._answer(head)))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            # Whoever asks badly or goes away gets nothing; there is nothing to repair.
            return
        finally:
            writer.close()

    def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return 405, _PLAIN, b"only GET\n"
        if path == b"/metrics":
            return 200, CONTENT_TYPE, self._metrics.text()
        if path == b"/livez":
            return 200, _PLAIN, b"alive\n"
        if path == b"/readyz":
            return (200, _PLAIN, b"ready\n") if self._ready() else (503, _PLAIN, b"not ready\n")
        return 404, _PLAIN, b"no such page\n"


_PHRASES = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


def _render(answer: Answer) -> bytes:
    status, kind, body = answer
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
