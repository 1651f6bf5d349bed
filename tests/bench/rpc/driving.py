"""Drives one RPC from this process, so many calls at once, and meters the servers behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.processes import Meter, spent

Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Side:
    """One RPC: how it is called, which process serves it, and what its answer has to be."""

    name: str
    call: Call
    meter: Meter
    right: Callable[[Any], bool]


async def drive(side: Side, calls: int, concurrency: int) -> Mapping[str, float]:
    """Make so many calls; return the microseconds of processor time a call, by process.

    AssertionError for an answer that is not right: what is refused is cheap.
    """
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            answer = await side.call()
            assert side.right(answer), f"{side.name} answered {answer}"

    before = side.meter.read()
    async with asyncio.TaskGroup() as callers:
        for _ in range(concurrency):
            callers.create_task(caller())
    used = spent(before, side.meter.read())
    return {name: seconds / calls * 1e6 for name, seconds in used.items()}


async def rounds(
    sides: Sequence[Side], *, calls: int, concurrency: int, count: int
) -> dict[str, list[Mapping[str, float]]]:
    """Drive the sides in turn, so often; a shorter round before that only warms up."""
    for side in sides:
        await drive(side, max(calls // 5, concurrency), concurrency)
    found: dict[str, list[Mapping[str, float]]] = {side.name: [] for side in sides}
    for number in range(count):
        turn = sides if number % 2 else tuple(reversed(sides))
        for side in turn:
            found[side.name].append(await drive(side, calls, concurrency))
    return found
