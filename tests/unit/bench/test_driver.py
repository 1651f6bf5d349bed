"""The driver of webhooks: every request answered 200, or it says what came instead."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.bench.webhook.driver import NotTaken, post_all
from tests.bench.webhook.events import Events, unsigned

TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def server(answer: Callable[[bytes], bytes]) -> AsyncIterator[int]:
    """Answer each body; the port."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                writer.write(answer(await reader.readexactly(length)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await asyncio.gather(*served)


def requests(count: int) -> list[bytes]:
    return unsigned([body for _, body in Events("whsec_x").bodies(count)], "/webhook")


async def test_every_request_is_sent_once_whatever_the_number_of_connections() -> None:
    seen: list[bytes] = []

    def answer(body: bytes) -> bytes:
        seen.append(body)
        return TAKEN

    async with server(answer) as port:
        posted = await post_all(port, requests(20), 3)
    assert len(seen) == len(set(seen)) == len(posted.each) == 20


async def test_an_answer_that_is_not_200_fails_the_run_and_is_shown() -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nbad"
    async with server(lambda _: refusal) as port:
        with pytest.raises(NotTaken, match="400 Bad Request"):
            await post_all(port, requests(2), 1)


def test_events_of_two_runs_share_no_id() -> None:
    first = {name for name, _ in Events("s").bodies(5)}
    second = {name for name, _ in Events("s").bodies(5)}
    assert len(first) == 5
    assert not first & second
