"""One request to the API server: JSON out, the open answer back.

Addresses, credentials, TLS and connections are the Kubernetes client's. Its own way to send a
request is not used: it copies every body piece by piece, twice, which costs more than the rest of
the request.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from yarl import URL

JSON = "application/json"


def cut(response: aiohttp.ClientResponse) -> None:
    """End an answer that may not have been read to its end, at once.

    Closing alone says goodbye by TLS, and the socket waits up to 30 seconds for the server's, also
    past the end of its loop. A server that is still sending has no use for either.
    """
    connection = response.connection
    transport = connection.transport if connection is not None else None
    response.close()
    if transport is not None:
        transport.abort()


class Transport:
    """Sends requests as the client's configuration says at that moment."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._configuration = api.configuration
        # The client has no types of its own.
        self._auth: Callable[[], Awaitable[Mapping[str, Mapping[str, str]]]]
        self._auth = api.configuration.auth_settings

    async def send(
        self,
        method: str,
        path: str,
        timeout: aiohttp.ClientTimeout,
        *,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request and return its answer, to be read or closed by the caller.

        Raises ApiException for an answer that is no success, with its status, body and headers.
        """
        text = f"{self._configuration.host}{path}"
        if query:
            text += "?" + urlencode(query)
        response = await self._session.request(
            method,
            URL(text, encoded=True),
            data=None if body is None else orjson.dumps(body),
            headers=await self._headers(content_type),
            timeout=timeout,
            **self._way,
        )
        if not 200 <= response.status <= 299:
            failed = ApiException(
                status=response.status, reason=response.reason, body=await response.text()
            )
            failed.headers = response.headers
            raise failed
        return response

    @property
    def _session(self) -> aiohttp.ClientSession:
        session = self._api.rest_client.pool_manager
        # The client makes it when it first asks for anything, which is discovery.
        assert session is not None, "nothing was discovered"  # noqa: S101 - says who made it
        return session

    @property
    def _way(self) -> Mapping[str, Any]:
        rest = self._api.rest_client
        way = {
            "server_hostname": self._configuration.tls_server_name,
            "proxy": rest.proxy,
            "proxy_headers": rest.proxy_headers,
        }
        return {name: value for name, value in way.items() if value}

    async def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": JSON, "Content-Type": content_type}
        # Asked for each time: this is where a service account's token is read anew.
        for setting in (await self._auth()).values():
            headers[setting["key"]] = setting["value"]
        return headers
