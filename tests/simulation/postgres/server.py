"""A PostgreSQL for simulated worlds that are run by hand."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.sandbox.postgres.binaries import find_binaries
from deploy.sandbox.postgres.server import PostgresServer
from tests.simulation.postgres.stores import Shelf, shelf


@contextmanager
def temporary_shelf() -> Iterator[Shelf]:
    """Start a server in a folder that is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="simulation-") as folder:
        server = PostgresServer(Path(folder) / "postgres", None, find_binaries(), durable=False)
        asyncio.run(server.start())
        try:
            with shelf(server) as made:
                yield made
        finally:
            asyncio.run(server.stop())
