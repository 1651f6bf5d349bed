"""How long each service, and the whole stack, takes to start; what memory they hold."""

import time
from collections import defaultdict
from statistics import median

from tests.bench.figures import Floor, median_ratio
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import bench_stack, scratch
from tests.bench.start import memory, replicas
from tests.bench.start.replicas import Begun

_START = "Settings, certificates, a pool, two listeners: half as much work as reading the code."
_STACK = (
    "All services and parts on few cores: their imports one after the other, and as much again."
)


async def run(options: Options) -> Report:
    """Start the stack twice, each service some times, then take in payments."""
    report = Report("start", {"payments": options.size, "rounds": options.rounds})
    with scratch() as folder:
        home = folder / "stack"
        began = time.perf_counter()
        async with bench_stack(folder, home):
            first = time.perf_counter() - began
        began = time.perf_counter()
        async with bench_stack(folder, home) as stack:
            again = time.perf_counter() - began
            specs = await replicas.specs_of(stack)
            started: dict[str, list[Begun]] = defaultdict(list)
            imported: dict[str, list[Begun]] = defaultdict(list)
            for number in range(options.rounds):
                for name, spec in specs.items():
                    imported[name].append(await replicas.imported(spec))
                    started[name].append(await replicas.start(spec))
                options.say(f"start: round {number + 1}")
            await memory.measure(report, options, stack)
    for name in specs:
        _tell(report, name, started[name], imported[name])
    all_imports = sum(median(one.seconds for one in found) for found in imported.values())
    report.add("stack", "s until ready", first=first, again=again, imports=all_imports)
    report.check(
        Floor("stack, on data that is there, to the imports", _STACK, at_most=2.0),
        again / all_imports,
    )
    return report


def _tell(report: Report, name: str, started: list[Begun], imported: list[Begun]) -> None:
    report.add(
        f"start of {name}",
        "s until ready; of processor time",
        ready=median(one.seconds for one in started),
        imports=median(one.seconds for one in imported),
        cpu=median(one.cpu for one in started),
        imports_cpu=median(one.cpu for one in imported),
    )
    ratio = median_ratio([one.cpu for one in started], [one.cpu for one in imported])
    report.check(
        Floor(f"processor time of {name}'s start to its imports", _START, at_most=1.5), ratio
    )
