"""The simulation's loop, with the one thing of a network that asyncpg asks a loop for."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.simulation.engine.loop import SimLoop
from tests.simulation.postgres.wire import Exchange, Wire


class PgLoop(SimLoop):
    """A loop of virtual time that connects to the databases of its world."""

    exchange: Exchange

    async def create_connection(  # type: ignore[override]  # asyncpg asks for no more than this
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str,
        port: int,
        **_options: Any,
    ) -> tuple[Wire, asyncio.BaseProtocol]:
        """Connect to a database."""
        if self.over:
            raise ConnectionRefusedError("the world is over")
        protocol = protocol_factory()
        wire = self.exchange.connect(protocol, host, port)
        protocol.connection_made(wire)
        return wire, protocol
