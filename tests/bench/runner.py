"""Runs benches one after the other, shows each report and writes it to a file."""

import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import orjson
import uvloop

from tests.bench.errors import BenchUnavailable
from tests.bench.report import Report, lines

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How much is done: ``tenants`` or their like in a round, and how many rounds."""

    size: int
    rounds: int
    say: Say


class Module(Protocol):
    """What the module of a bench has."""

    def run(self, options: Options) -> Coroutine[Any, Any, Report]:
        """Measure; BenchUnavailable if something that is needed is not here."""
        ...


BENCHES: Mapping[str, str] = {"provisioner": "tests.bench.provisioner"}
"""The module of each bench, imported only when it is asked for."""


def load(name: str) -> Module:
    """Return the module of a bench."""
    return cast("Module", import_module(BENCHES[name]))


def run_all(names: Sequence[str], options: Options, folder: Path) -> int:
    """Run these benches; 0 if every floor was met, 1 if one was missed, 2 if one cannot run."""
    codes = [_run_one(name, options, folder / f"{name}.json") for name in names]
    return max(codes, default=0)


def _run_one(name: str, options: Options, file: Path) -> int:
    began, load_before = time.perf_counter(), os.getloadavg()[0]
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(load(name).run(options))
    except BenchUnavailable as reason:
        options.say(f"{name}: {reason}")
        return 2
    report.setting |= {
        "seconds": round(time.perf_counter() - began, 1),
        "cores": os.cpu_count(),
        "load before": round(load_before, 1),
        "python": platform.python_version(),
    }
    sys.stdout.write("\n".join(lines(report)) + "\n")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.write(f"written to {file}\n")
    return 0 if report.passed else 1
