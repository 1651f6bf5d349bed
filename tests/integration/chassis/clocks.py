"""A clock by which a test hears that something is away, instead of giving it time to notice."""

import asyncio

from services.chassis.clock import SystemClock


class TellingClock(SystemClock):
    """The machine's clock; tells when somebody first sleeps by it, as one does who has failed."""

    def __init__(self) -> None:
        self.sleeps = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.set()
        await super().sleep(seconds)
