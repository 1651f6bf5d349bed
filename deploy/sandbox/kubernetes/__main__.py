"""`python -m deploy.sandbox.kubernetes`: serve until SIGTERM or SIGINT."""

import asyncio
import gc
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from deploy.sandbox.kubernetes.access.users import load_tokens
from deploy.sandbox.kubernetes.cluster import SandboxCluster
from deploy.sandbox.kubernetes.config import CommandLine, parse_arguments


def _write_atomically(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)


async def _serve(command: CommandLine) -> None:
    options = replace(command.options, tokens=load_tokens(command.tokens))
    async with SandboxCluster(options) as cluster:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, cluster.stop)
        if command.port_file is not None:
            _write_atomically(command.port_file, f"{cluster.port}\n")
        logging.getLogger(__name__).info("listening on %s", cluster.url)
        await cluster.wait()


def main() -> None:
    """Run the command."""
    # What is stored are trees without cycles, by the ten thousand: looking for some is in vain.
    gc.set_threshold(50_000, 50, 100)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    uvloop.run(_serve(parse_arguments(sys.argv[1:])))


if __name__ == "__main__":
    main()
