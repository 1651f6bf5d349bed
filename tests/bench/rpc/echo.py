"""Two servers of one echo, each a process: bare grpc.aio, and behind the product's interceptors.

``python -m tests.bench.rpc.echo bare|product``. Both are mTLS on uvloop and say by one line of JSON
where they listen. The first four bytes of what is sent say how many bytes are answered.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import orjson
import uvloop
from google.protobuf.wrappers_pb2 import BytesValue

from services.chassis.access import Rule
from services.chassis.config import ChassisConfig, Env, environment, read_chassis
from services.chassis.process import Process, main
from services.chassis.server import GrpcServer
from services.chassis.tls import TlsFiles

SERVICE = "tollgate.bench.Echo"
METHOD = f"/{SERVICE}/Echo"
NAME = "echo"
_LARGEST = 1 << 16
_ANSWER = bytes(_LARGEST)
_ACCESS = {METHOD: Rule(callers=frozenset({"gateway"}))}


def request_of(size: int, answered: int) -> BytesValue:
    """Return a request of so many bytes that asks for an answer of so many (4 to 65,536)."""
    return BytesValue(value=answered.to_bytes(4, "big").ljust(size, b"."))


class Echo:
    """The one RPC of both servers."""

    async def echo(self, request: BytesValue, _context: object) -> BytesValue:
        """Answer with as many bytes as are asked for."""
        return BytesValue(value=_ANSWER[: int.from_bytes(request.value[:4], "big")])


def add_echo(servicer: Echo, server: grpc.aio.Server) -> None:
    """Register it, as generated code would."""
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(
            servicer.echo, BytesValue.FromString, BytesValue.SerializeToString
        )
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


@dataclass(frozen=True, slots=True)
class Config:
    """Nothing but what every service has."""

    chassis: ChassisConfig


def _read_config(env: Env) -> Config:
    return Config(read_chassis(env, NAME))


async def _product(config: Config, process: Process) -> None:
    server = GrpcServer.from_config(config.chassis, process, [(add_echo, Echo(), SERVICE)], _ACCESS)
    await server.start()
    _tell(server.internal_port)
    await server.serve(process.stopping)


async def _bare(files: TlsFiles) -> None:
    assert files.ca is not None
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_echo(Echo(), server)
    credentials = grpc.ssl_server_credentials(
        [(files.key.read_bytes(), files.cert.read_bytes())],
        root_certificates=files.ca.read_bytes(),
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    _tell(port)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()
    await server.stop(None)


def _tell(port: int) -> None:
    sys.stdout.buffer.write(orjson.dumps({"port": port}) + b"\n")
    sys.stdout.buffer.flush()


def _run_bare() -> None:
    env = environment()
    tls = [env.path(f"TOLLGATE_TLS_{name}", default=Path()) for name in ("CERT", "KEY", "CA")]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_bare(TlsFiles(*tls)))


if __name__ == "__main__":
    side = sys.argv.pop(1)
    if side == "bare":
        _run_bare()
    else:
        main(NAME, _read_config, _product)
