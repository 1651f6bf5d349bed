"""The bare handler: Starlette on uvicorn, uvloop and httptools, one INSERT for each request.

``python -m tests.bench.webhook.bare DSN``. It believes everything and keeps the bytes. Its pool is
as large as the product's, and gives connections back without the usual reset, as the product's.
"""

import asyncio
import signal
import socket
import sys

import asyncpg
import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TABLE = "CREATE TABLE bare_events (id text PRIMARY KEY, body bytea NOT NULL)"
_INSERT = "INSERT INTO bare_events (id, body) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_CONNECTIONS = 10


async def _serve(dsn: str) -> None:
    async def no_reset(_connection: object) -> None:
        """Save the round trip."""

    pool = await asyncpg.create_pool(
        dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS, reset=no_reset
    )

    async def receive(request: Request) -> Response:
        body = await request.body()
        await pool.execute(_INSERT, orjson.loads(body)["id"], body)
        return Response(b'{"received":true}', media_type="application/json")

    app = Starlette(routes=[Route("/webhook", receive, methods=["POST"])])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http="httptools", log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: setattr(server, "should_exit", True)
    )
    sys.stdout.buffer.write(orjson.dumps({"port": listener.getsockname()[1]}) + b"\n")
    sys.stdout.buffer.flush()
    try:
        await server.serve(sockets=[listener])
    finally:
        await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1]))
