"""Common answers to "is it ready?", to be given to a ProcessSpec."""

import asyncio
from collections.abc import Awaitable, Callable

_TIMEOUT = 2.0


def listens(port: int, host: str = "127.0.0.1") -> Callable[[], Awaitable[bool]]:
    """Ready once a TCP connection to `port` is accepted."""

    async def ready() -> bool:
        async with asyncio.timeout(_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return True

    return ready


def answers(port: int, path: str, host: str = "127.0.0.1") -> Callable[[], Awaitable[bool]]:
    """Ready once `GET path` is answered with a 2xx status over plain HTTP."""

    async def ready() -> bool:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
        return status_line.startswith(b"HTTP/1.") and status_line[9:10] == b"2"

    return ready
