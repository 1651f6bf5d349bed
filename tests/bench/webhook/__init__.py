"""What an event costs until it is acknowledged durably, beside a bare handler with one INSERT."""

from tests.bench.figures import Floor, median_ratio
from tests.bench.programs import program
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import bench_stack, scratch
from tests.bench.webhook import bare
from tests.bench.webhook.driver import NotTaken
from tests.bench.webhook.events import Events
from tests.bench.webhook.sides import Bare, Found, Product

_CONNECTIONS = (16, 64)
_FLOOR_AT = 64
_REASON = (
    "Verified, sealed, stored once and queued, by three processes: no dearer than believing "
    "everything and inserting it."
)
_KEPT = "SELECT count(*) FROM bare_events"


async def run(options: Options) -> Report:
    """Measure both sides at 16 and at 64 connections."""
    report = Report("webhook", {"events": options.size, "rounds": options.rounds})
    with scratch() as folder:
        async with bench_stack(folder) as stack, stack.database() as database:
            await database.execute(bare.TABLE)
            log = stack.home / "bare.log"
            module, dsn = "tests.bench.webhook.bare", stack.database_dsn
            async with program(module, dsn, log=log, env={}) as handler:
                events = Events(stack.endpoints["stripe"]["webhook_secret"])
                product, other = Product(stack, events), Bare(stack, handler, events)
                await product.check_refusal()
                for connections in _CONNECTIONS:
                    await _measure(report, options, product, other, connections)
            if await database.fetchval(_KEPT) != other.sent:
                raise NotTaken("The bare handler has not kept what it was sent.")
    return report


async def _measure(
    report: Report, options: Options, product: Product, other: Bare, connections: int
) -> None:
    ours, bares = Found(), Found()
    await product.send(options.size // 5 + connections, connections, Found())
    await other.send(options.size // 5 + connections, connections, Found())
    for number in range(options.rounds):
        turn = [(product.send, ours), (other.send, bares)]
        for send, found in turn if number % 2 else reversed(turn):
            await send(options.size, connections, found)
        options.say(
            f"webhook, {connections} connections, round {number + 1}: "
            f"{ours.total[-1]:.0f} : {bares.total[-1]:.0f} us"
        )
    ours.tell(report, f"product, {connections} connections")
    bares.tell(report, f"bare handler, {connections} connections")
    ratio = median_ratio(ours.total, bares.total)
    if connections == _FLOOR_AT:
        floor = Floor(f"event at {connections} connections to bare handler", _REASON, at_most=1.0)
        report.check(floor, ratio)
    else:
        report.add(f"product to bare handler, {connections} connections", "ratio", median=ratio)
