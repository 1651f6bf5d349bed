"""What an RPC costs its server, beside a bare echo and an echo behind the chassis."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Any

import grpc.aio
from google.protobuf.wrappers_pb2 import BytesValue

from tests.bench.figures import Floor, median_ratio
from tests.bench.processes import Meter
from tests.bench.report import Report
from tests.bench.rpc import echo
from tests.bench.rpc.driving import Side, rounds
from tests.bench.rpc.echoing import echo_server
from tests.bench.rpc.product import Sample, entitlement, price
from tests.bench.runner import Options
from tests.bench.stack import BenchStack, bench_stack, carried, internal_channel, scratch

CONCURRENCY = 16
_SMALL = 300  # bytes, there and back
_INTERCEPTORS = (
    "Identity, access, a trace, a log line, a deadline and sanitised errors for each call "
    "may cost a little more than half of the call itself."
)
_PRODUCT = "What an RPC does may cost half of what being called costs."


async def run(options: Options) -> Report:
    """Measure the echoes and the two RPCs that everything asks first."""
    report = Report("rpc", {"calls": options.size, "rounds": options.rounds, "at once": 16})
    with scratch() as folder:
        async with bench_stack(folder) as stack, AsyncExitStack() as open_things:
            samples = [await price(stack), await entitlement(stack)]
            bare = await open_things.enter_async_context(_echo(stack, "bare"))
            behind = await open_things.enter_async_context(_echo(stack, "product"))
            sides = [
                bare("bare echo", _SMALL, _SMALL),
                behind("echo", _SMALL, _SMALL),
                *(behind(f"echo like {one.name}", one.asked, one.answered) for one in samples),
                *(one.side for one in samples),
            ]
            options.say(f"rpc: {len(sides)} sides, {options.size} calls each a round")
            found = await rounds(
                sides, calls=options.size, concurrency=CONCURRENCY, count=options.rounds
            )
            for one in samples:
                await one.channel.close()
    _tell(report, found, samples)
    return report


class _Sides:
    """Makes sides of one echo server: other sizes, the same process."""

    def __init__(self, channel: grpc.aio.Channel, pid: int) -> None:
        self._call = channel.unary_unary(
            echo.METHOD,
            request_serializer=BytesValue.SerializeToString,
            response_deserializer=BytesValue.FromString,
        )
        self._meter = Meter({"server": pid})

    def __call__(self, name: str, asked: int, answered: int) -> Side:
        request, metadata = echo.request_of(asked, answered), carried()

        async def call() -> BytesValue:
            answer: BytesValue = await self._call(request, metadata=metadata, timeout=10.0)
            return answer

        return Side(name, call, self._meter, lambda answer: len(answer.value) == answered)


@asynccontextmanager
async def _echo(stack: BenchStack, kind: str) -> AsyncIterator[_Sides]:
    async with (
        echo_server(stack, kind) as running,
        internal_channel(running.port, echo.NAME, stack.certificate("gateway")) as channel,
    ):
        yield _Sides(channel, running.pid)


def _tell(
    report: Report, found: Mapping[str, Sequence[Mapping[str, Any]]], samples: Sequence[Sample]
) -> None:
    for name, measured in found.items():
        figures = {part: median(one[part] for one in measured) for part in measured[0]}
        report.add(name, "us of processor time a call", **figures)
    servers = {name: [one["server"] for one in measured] for name, measured in found.items()}
    report.check(
        Floor("echo behind the interceptors to bare echo", _INTERCEPTORS, at_most=1.6),
        median_ratio(servers["echo"], servers["bare echo"]),
    )
    for one in samples:
        report.check(
            Floor(f"{one.name} to the echo of its sizes", _PRODUCT, at_most=1.5),
            median_ratio(servers[one.side.name], servers[f"echo like {one.name}"]),
        )
