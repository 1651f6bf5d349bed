"""Signed webhooks (Standard Webhooks): one POST, on a connection of its own, no redirect followed.

The host's name is resolved once and looked at, and the connection goes to the address that was
found, under the host's own name in TLS and in the request.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.chassis.clock import Clock
from services.pricing.costs.telling import Channel, Delivery, NotDelivered, Telling, signature
from services.pricing.worker.telling.addresses import Network, reachable

_PATIENCE = 15.0
"""Seconds from resolving the name to the status of the answer."""
_LONGEST_LINE = 16_384
_GONE = 410
_TLS_FAILED = (aiohttp.ClientSSLError, ssl.SSLError)
_NO_CONNECTION = (aiohttp.ClientConnectorError, OSError)


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
        status = await self._status(delivery)
        if not 200 <= status < 300:
            raise NotDelivered(f"it answered {status}", for_good=status == _GONE)

    async def _status(self, delivery: Delivery) -> int:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._exchange(delivery)
        except TimeoutError:
            raise NotDelivered(f"no answer within {_PATIENCE:g} seconds") from None
        except _TLS_FAILED:
            raise NotDelivered("TLS failed; is its certificate valid?") from None
        except aiohttp.ServerDisconnectedError:
            raise NotDelivered("it did not answer in HTTP") from None
        except _NO_CONNECTION:
            raise NotDelivered("the connection failed") from None
        except aiohttp.ClientError:
            raise NotDelivered("it did not answer in HTTP") from None

    async def _exchange(self, delivery: Delivery) -> int:
        url = URL(delivery.target, encoded=True)
        host, port, plain = url.host or "", url.port or 0, url.scheme != "https"
        address, _ = await reachable(host, port, self._networks, plain=plain)
        connector = aiohttp.TCPConnector(
            resolver=_Found(address), ssl=self._tls, force_close=True, limit=1
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding"),
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            ) as session,
            session.post(
                url,
                data=delivery.body.encode(),
                headers=self._headers(delivery),
                allow_redirects=False,
            ) as answer,
        ):
            # Nobody reads what else it says.
            answer.close()
            return answer.status

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        second = int(self._clock.now().timestamp())
        secrets = self._telling.secrets_of(delivery.budget)
        return {
            "User-Agent": "Tollgate",
            "Content-Type": "application/json",
            "webhook-id": delivery.name,
            "webhook-timestamp": str(second),
            "webhook-signature": signature(secrets, delivery.name, second, delivery.body),
        }


class _Found(AbstractResolver):
    """Answers every name with the one address that was looked at."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the address."""
        version = ip_address(self._address).version
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=port,
                family=socket.AF_INET if version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Hold nothing."""
