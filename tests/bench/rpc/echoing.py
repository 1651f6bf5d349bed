"""An echo server as a process of a bench, with a certificate of the stack."""

from contextlib import AbstractAsyncContextManager

from services.chassis.tls import TlsFiles
from tests.bench.programs import Program, program
from tests.bench.rpc import echo
from tests.bench.stack import BenchStack


def echo_server(stack: BenchStack, kind: str) -> AbstractAsyncContextManager[Program]:
    """Run one of the two servers, ``bare`` or ``product``, until the block ends."""
    log, env = stack.home / f"echo-{kind}.log", _environment(stack.certificate(echo.NAME))
    return program("tests.bench.rpc.echo", kind, log=log, env=env)


def _environment(files: TlsFiles) -> dict[str, str]:
    return {
        "TOLLGATE_TLS_CERT": str(files.cert),
        "TOLLGATE_TLS_KEY": str(files.key),
        "TOLLGATE_TLS_CA": str(files.ca),
        "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_OIDC_BASE": "http://127.0.0.1:9",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    }
