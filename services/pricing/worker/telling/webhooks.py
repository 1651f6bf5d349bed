"""Signed webhooks (Standard Webhooks): one POST, on a connection of its own, no redirect followed.

The few lines of HTTP are here because the address that was looked at has to be the one that is
connected to, under the host's own name in TLS and in the request.
"""

import asyncio
import ssl
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from services.chassis.clock import Clock
from services.pricing.costs.telling import Channel, Delivery, NotDelivered, Telling, signature
from services.pricing.worker.telling.addresses import Network, reachable

_PATIENCE = 15.0
"""Seconds from resolving the name to the status of the answer."""
_LONGEST_LINE = 16_384
_MOST_LINES = 200
_GONE = 410


class WebhookSender:
    """Tells by webhook. ``networks`` are addresses that may be reached though not public."""

    channel = Channel.WEBHOOK

    def __init__(
        self, telling: Telling, networks: Sequence[Network], tls: ssl.SSLContext, clock: Clock
    ) -> None:
        self._telling = telling
        self._networks = networks
        self._tls = tls
        self._clock = clock

    async def send(self, delivery: Delivery) -> None:
        """Send one message; any status but 2xx is NotDelivered, 410 for good."""
        status = await self._status(urlsplit(delivery.target), self._request(delivery))
        if not 200 <= status < 300:
            raise NotDelivered(f"it answered {status}", for_good=status == _GONE)

    async def _status(self, url: SplitResult, request: bytes) -> int:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._exchange(url, request)
        except TimeoutError:
            raise NotDelivered(f"no answer within {_PATIENCE:g} seconds") from None
        except ssl.SSLError:
            raise NotDelivered("TLS failed; is its certificate valid?") from None
        except OSError:
            raise NotDelivered("the connection failed") from None
        except (ValueError, EOFError, asyncio.LimitOverrunError):
            raise NotDelivered("it did not answer in HTTP") from None

    async def _exchange(self, url: SplitResult, request: bytes) -> int:
        plain = url.scheme != "https"
        host, port = url.hostname or "", url.port or (80 if plain else 443)
        address, port = await reachable(host, port, self._networks, plain=plain)
        reader, writer = await asyncio.open_connection(
            address,
            port,
            limit=_LONGEST_LINE,
            ssl=None if plain else self._tls,
            server_hostname=None if plain else host,
        )
        try:
            writer.write(request)
            await writer.drain()
            return await _read_status(reader)
        finally:
            writer.transport.abort()

    def _request(self, delivery: Delivery) -> bytes:
        second = int(self._clock.now().timestamp())
        secrets = self._telling.secrets_of(delivery.budget)
        url, body = urlsplit(delivery.target), delivery.body.encode()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {url.netloc}",
            "User-Agent: Tollgate",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            f"webhook-id: {delivery.name}",
            f"webhook-timestamp: {second}",
            f"webhook-signature: {signature(secrets, delivery.name, second, delivery.body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def _read_status(reader: asyncio.StreamReader) -> int:
    """Return the status of the final answer; ValueError or EOFError for what is none."""
    status, lines = 0, 0
    while True:
        line = await reader.readuntil(b"\n")
        lines += 1
        if lines > _MOST_LINES:
            raise ValueError("too many lines")
        if status == 0:
            status = _status_of(line)
        if status >= 200:
            return status
        if not line.strip():
            status = 0  # What follows an interim answer is the next one.


def _status_of(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit() or not 100 <= int(code) <= 599:
        raise ValueError("no status")
    return int(code)
