"""Payments at a rate: pages are made before, and paid at their times, whatever comes of them."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from deploy.sandbox.demo.shop import GOOD_CARD, Sale, Shop, is_paid

PLAN = "sessions/professional"
_AT_ONCE = 8


@dataclass
class Till:
    """Makes payment pages for customers of its own, and pays them."""

    shop: Shop
    run: str = field(default_factory=lambda: secrets.token_hex(3))
    numbers: "count[int]" = field(default_factory=count)

    async def pages(self, wanted: int) -> list[Sale]:
        """Make so many pages, each of another customer."""
        left, made = iter(range(wanted)), list[Sale]()

        async def maker() -> None:
            for _ in left:
                email = f"{self.run}-{next(self.numbers)}@example.com"
                made.append(await self.shop.sell(PLAN, email))

        async with asyncio.TaskGroup() as makers:
            for _ in range(_AT_ONCE):
                makers.create_task(maker())
        return made

    async def pay(self, pages: Sequence[Sale], per_second: float) -> None:
        """Pay the pages at this rate: each at its own time, not after the one before."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as payers:
            for number, page in enumerate(pages):
                await asyncio.sleep(began + number / per_second - loop.time())
                payers.create_task(self._pay(page))

    async def _pay(self, page: Sale) -> None:
        status = await self.shop.pay(page, GOOD_CARD)
        if not is_paid(status):
            raise RuntimeError(f"the sandbox took no payment for {page.session}: {status}")
