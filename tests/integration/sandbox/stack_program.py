"""A small stack as a process of its own, for tests that kill it: PostgreSQL and a sleeper.

    python stack_program.py HOME PORT

Prints `ready` when both are; SIGTERM and SIGINT stop it in order. A refusal is one line on stderr.
"""

import asyncio
import signal
import sys
from pathlib import Path

from deploy.sandbox.postgres.binaries import find_binaries
from deploy.sandbox.postgres.server import process_spec
from deploy.sandbox.supervisor.errors import SupervisorError
from deploy.sandbox.supervisor.spec import ProcessSpec
from deploy.sandbox.supervisor.supervisor import supervise


async def main(home: Path, port: int) -> None:
    """Runs until a signal."""

    async def always() -> bool:
        return True

    specs = (
        process_spec(home / "postgres", port, find_binaries(), durable=False),
        ProcessSpec("sleeper", ("sleep", "600"), {"PATH": "/usr/bin:/bin"}, always, ("postgres",)),
    )
    async with supervise(home) as stack:
        stack.stop_on_signals((signal.SIGTERM, signal.SIGINT))
        await stack.start(*specs)
        print("ready", flush=True)
        await stack.until_stop_requested()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
    except SupervisorError as refusal:
        sys.exit(str(refusal))
