"""What goes over the wire to the API server, and by which proxy."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException

from services.provisioner.kube.connect import _proxy
from services.provisioner.kube.transport import Transport

TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass
class Wire:
    """A server that notes what it gets, and answers what it is told to."""

    status: int = 200
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    configuration: Configuration = field(default_factory=Configuration)

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append(
            (request.method, request.path_qs, dict(request.headers), await request.read())
        )
        return web.json_response(
            {"reason": "Told"}, status=self.status, headers={"Retry-After": "3"}
        )


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    """One server, on a free port."""
    found = Wire()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found.configuration.api_key = {"BearerToken": "Bearer first"}
    yield found
    await runner.cleanup()


@pytest_asyncio.fixture
async def transport(wire: Wire) -> AsyncIterator[Transport]:
    """A transport whose client has asked for something before."""
    api = ApiClient(configuration=wire.configuration)
    url = f"{wire.configuration.host}/version"
    await api.rest_client.request("GET", url)  # type: ignore[no-untyped-call] # theirs
    wire.got.clear()
    yield Transport(api)
    await api.close()  # type: ignore[no-untyped-call] # theirs


async def test_a_request_carries_its_body_its_type_and_the_token_of_that_moment(
    wire: Wire, transport: Transport
) -> None:
    wire.configuration.api_key = {"BearerToken": "Bearer second"}
    response = await transport.send(
        "PATCH",
        "/api/v1/namespaces/a",
        TIMEOUT,
        body={"kind": "Namespace", "list": (1, 2)},
        content_type="application/apply-patch+yaml",
        query={"fieldManager": "a b&c", "force": "true"},
    )
    assert await response.json() == {"reason": "Told"}
    ((method, path, headers, body),) = wire.got
    assert (method, path) == ("PATCH", "/api/v1/namespaces/a?fieldManager=a+b%26c&force=true")
    assert headers["Authorization"] == "Bearer second"
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert body == b'{"kind":"Namespace","list":[1,2]}'


async def test_an_answer_that_is_no_success_is_raised_with_all_that_it_says(
    wire: Wire, transport: Transport
) -> None:
    wire.status = 429
    with pytest.raises(ApiException) as raised:
        await transport.send("GET", "/api/v1/namespaces/a", TIMEOUT)
    assert raised.value.status == 429
    assert raised.value.body == '{"reason": "Told"}'
    assert dict(raised.value.headers or {})["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        ("https://cluster.example:6443", "http://proxy.example:3128"),
        ("https://inside.example", None),
        ("http://cluster.example", None),
    ],
)
def test_the_proxy_of_the_environment_is_used_for_the_hosts_that_it_is_for(
    monkeypatch: pytest.MonkeyPatch, host: str, proxy: str | None
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert _proxy(host) == proxy
