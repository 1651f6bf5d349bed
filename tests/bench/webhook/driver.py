"""Posts prepared requests over so many connections, each with one request in flight.

It reads just enough of HTTP to know that each request was answered 200: a driver that costs more
than what it drives would leave its connections waiting for it, and not for the server.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from tests.bench.machine import machine

_OK = b"HTTP/1.1 200 "
_LENGTH = b"content-length:"


class NotTaken(Exception):  # noqa: N818 - reads as the sentence it carries
    """A request was answered otherwise than with 200; the text is the answer."""


@dataclass
class Posted:
    """What came of a run: seconds in all, and those of each request in the order of answers.

    ``idle`` is how many of the machine's cores had nothing to do meanwhile.
    """

    seconds: float = 0.0
    idle: float = 0.0
    each: list[float] = field(default_factory=list)


async def post_all(port: int, requests: Sequence[bytes], connections: int) -> Posted:
    """Send every request once; NotTaken for the first that is not answered 200."""
    loop, posted, left = asyncio.get_running_loop(), Posted(), iter(requests)
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(left, posted), "127.0.0.1", port)
        clients.append(client)
    idle, began = machine(()).idle, time.perf_counter()
    for client in clients:
        client.next()
    try:
        await asyncio.gather(*(client.ended for client in clients))
    finally:
        for client in clients:
            client.close()
    posted.seconds = time.perf_counter() - began
    posted.idle = (machine(()).idle - idle) / posted.seconds
    return posted


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the last one is answered."""

    def __init__(self, left: Iterator[bytes], posted: Posted) -> None:
        self._left = left
        self._posted = posted
        self._read = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def next(self) -> None:
        """Send the next request, or be done."""
        request = next(self._left, None)
        if request is None:
            self._finish(None)
            return
        assert self._transport is not None
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; go on when it is whole."""
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        if not head.startswith(_OK):
            self._finish(NotTaken(self._read.decode(errors="replace")))
            return
        self._posted.each.append(time.perf_counter() - self._sent)
        self._read = b""
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that ends early fails the run."""
        self._finish(NotTaken(f"the connection ended: {exc}"))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _finish(self, problem: Exception | None) -> None:
        if self.ended.done():
            return
        if problem is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(problem)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    raise NotTaken(f"an answer without a length: {head!r}")
