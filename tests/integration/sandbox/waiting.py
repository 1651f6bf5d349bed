"""Bounded waits for conditions, and questions about processes."""

import asyncio
from collections.abc import Callable
from pathlib import Path


async def until(condition: Callable[[], bool], timeout: float = 15.0) -> None:
    """Waits for `condition`; TimeoutError after `timeout` seconds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - a process gives no event to wait for
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")
