"""An answer that goes on is ended at once, also where the server does not say goodbye."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import aiohttp
import pytest

from deploy.sandbox.ca.authority import Authority
from services.provisioner.kube.transport import cut

_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = b'5\r\n"one"\r\n1\r\n\n\r\n'


class Silent:
    """A server that begins an answer and then neither sends nor reads."""

    def __init__(self, home: Path) -> None:
        files = Authority(home).issue("silent")
        self.trust = ssl.create_default_context(cafile=files.ca)
        self._identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._identity.load_cert_chain(files.cert, files.key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self.over = Event()

    def serve(self) -> None:
        """Serve one connection until it is over."""
        with self._socket, self._socket.accept()[0] as plain:
            plain.settimeout(10)
            with self._identity.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(_HEAD + _EVENT)
                self.over.wait(10)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Silent]:
    """The server, in a thread of its own."""
    server = Silent(tmp_path)
    with ThreadPoolExecutor(1) as threads:
        served = threads.submit(server.serve)
        yield server
        server.over.set()
        served.result(10)


async def test_the_socket_of_an_answer_that_is_cut_is_closed_at_once(silent: Silent) -> None:
    connector = aiohttp.TCPConnector(ssl=silent.trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        response = await session.get(silent.url)
        assert await response.content.readline() == b'"one"\n'
        assert response.connection is not None
        assert response.connection.transport is not None
        line: socket.socket = response.connection.transport.get_extra_info("socket")
        assert line.fileno() >= 0
        cut(response)
        await asyncio.sleep(0)
        assert line.fileno() == -1


async def test_an_answer_that_is_over_is_cut_without_harm(silent: Silent) -> None:
    connector = aiohttp.TCPConnector(ssl=silent.trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        response = await session.get(silent.url)
        cut(response)
        cut(response)
        assert response.closed
