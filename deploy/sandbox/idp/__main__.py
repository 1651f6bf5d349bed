"""`python -m deploy.sandbox.idp`: the identity provider as a process, until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
from pathlib import Path

from deploy.sandbox.idp.server import SandboxIdp
from deploy.sandbox.supervisor.files import write_atomic


async def serve(options: argparse.Namespace) -> None:
    """Serves until a signal; the port file appears once it listens."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    idp = SandboxIdp(options.home, port=options.port, organization=options.organization)
    async with idp:
        if options.port_file:
            write_atomic(options.port_file, f"{idp.port}\n".encode(), 0o644)
        await ended.wait()


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox.idp")
    parser.add_argument("--home", type=Path, required=True, help="folder for the realms' keys")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the port to")
    parser.add_argument("--organization", default="acme", help="the default organization")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
