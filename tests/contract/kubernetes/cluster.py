"""What the tests hold in their hands: the real dynamic client, and raw HTTP beside it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson
from kubernetes.aio import client
from kubernetes.aio.dynamic import DynamicClient

from services.provisioner.kube.transport import cut

T = TypeVar("T")
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
_LONG_ENOUGH = 15.0


@dataclass(frozen=True)
class Answer:
    """A response with its decoded body."""

    status: int
    body: Any
    headers: Any

    @property
    def version(self) -> str:
        """The object's resourceVersion."""
        return str(self.body["metadata"]["resourceVersion"])

    def managers(self) -> dict[tuple[str, str], Any]:
        """Owned fields by manager and operation."""
        entries = self.body["metadata"].get("managedFields", [])
        return {(item["manager"], item["operation"]): item["fieldsV1"] for item in entries}


class Cluster:
    """A cluster as its administrator sees it."""

    def __init__(self, configuration: Any, dynamic: Any, session: aiohttp.ClientSession) -> None:
        self.dynamic = dynamic
        self.session = session
        self._host = configuration.host.rstrip("/")
        token = configuration.api_key.get("BearerToken")
        self._headers = {"Authorization": token} if token else {}

    async def resource(self, api_version: str, kind: str) -> Any:
        """A resource of the dynamic client."""
        return await self.dynamic.resources.get(api_version=api_version, kind=kind)

    @asynccontextmanager
    async def stream(self, path: str, **params: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """A raw GET whose body is read by the caller, as far as he likes."""
        response = await self.session.get(self._host + path, params=params, headers=self._headers)
        try:
            yield response
        finally:
            cut(response)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        user: str = "",
        groups: str = "",
        **params: str,
    ) -> Answer:
        """One raw request, as another user (and groups, by spaces) where one is named.

        Bytes are sent as they are, anything else as JSON.
        """
        headers = [*self._headers.items(), ("Content-Type", content_type), ("Accept", accept)]
        if user:
            headers += [("Impersonate-User", user)]
            headers += [("Impersonate-Group", group) for group in groups.split()]
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        async with self.session.request(
            method, self._host + path, data=data, headers=headers, params=params
        ) as response:
            raw = await response.read()
            parsed = orjson.loads(raw) if raw[:1] in (b"{", b"[") else raw.decode()
            return Answer(response.status, parsed, response.headers)

    async def apply(self, path: str, body: Any, manager: str = "tester", **params: str) -> Answer:
        """A server-side apply."""
        params["fieldManager"] = manager
        return await self.call("PATCH", path, body, content_type=APPLY, **params)

    async def namespace(self, **labels: str) -> str:
        """A fresh namespace."""
        metadata = {"generateName": "contract-", "labels": labels}
        answer = await self.call("POST", "/api/v1/namespaces", {"metadata": metadata})
        assert answer.status == 201, answer.body
        return str(answer.body["metadata"]["name"])

    async def until(self, path: str, check: Callable[[Answer], T | None]) -> T:
        """Read a path until the check gives something true."""

        async def look() -> T | None:
            return check(await self.call("GET", path))

        return await eventually(look)


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look again and again until something true comes back; fails when it takes too long."""
    async with asyncio.timeout(_LONG_ENOUGH):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


def tls_of(configuration: Any) -> ssl.SSLContext | bool:
    """How the server of a client's configuration proves itself, and the client to it."""
    if not configuration.host.startswith("https"):
        return True
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


@asynccontextmanager
async def connected(configuration: Any, folder: Path) -> AsyncIterator[Cluster]:
    """Clients for a cluster; the discovery cache lies in the folder."""
    make_client: Any = client.ApiClient
    make_dynamic: Any = DynamicClient
    connector = aiohttp.TCPConnector(ssl=tls_of(configuration))
    async with (
        make_client(configuration) as api,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        dynamic = await make_dynamic(api, cache_file=str(folder / "discovery.json"))
        yield Cluster(configuration, dynamic, session)
