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
    """How much is done: tenants, calls, events or payments in a round, and how many rounds."""

    size: int
    rounds: int
    say: Say


@dataclass(frozen=True)
class Entry:
    """A bench: its module, imported only when it is asked for, and what it does by itself."""

    module: str
    unit: str
    size: int
    rounds: int


@dataclass(frozen=True)
class Wanted:
    """What the command line says; None leaves it to the bench."""

    size: int | None = None
    rounds: int | None = None


class Module(Protocol):
    """What the module of a bench has."""

    def run(self, options: Options) -> Coroutine[Any, Any, Report]:
        """Measure; BenchUnavailable if something that is needed is not here."""
        ...


BENCHES: Mapping[str, Entry] = {
    "rpc": Entry("tests.bench.rpc", "calls", 3000, 7),
    "webhook": Entry("tests.bench.webhook", "events", 8000, 7),
    "credits": Entry("tests.bench.credits", "debits", 2000, 5),
    "start": Entry("tests.bench.start", "payments", 300, 5),
    "ready": Entry("tests.bench.ready", "seconds at each rate", 10, 1),
    "provisioner": Entry("tests.bench.provisioner", "tenants", 60, 7),
    "costs": Entry("tests.bench.costs", "cost records", 1_000_000, 5),
    "peers": Entry("tests.bench.peers", "events", 4000, 5),
}
"""All benches, in the order in which they run."""


def load(name: str) -> Module:
    """Return the module of a bench."""
    return cast("Module", import_module(BENCHES[name].module))


def options_of(name: str, wanted: Wanted, say: Say) -> Options:
    """Return how much a bench does: what is wanted, else what is its own."""
    own = BENCHES[name]
    return Options(wanted.size or own.size, wanted.rounds or own.rounds, say)


def run_all(
    names: Sequence[str], wanted: Wanted, folder: Path, say: Say, together: Path | None = None
) -> int:
    """Run these benches; 0 if every floor was met, 1 if one was missed, 2 if one cannot run.

    Each report is written to ``folder``, all of them once more to the file ``together``.
    """
    outcomes = [
        _run_one(name, options_of(name, wanted, say), folder / f"{name}.json") for name in names
    ]
    if len(names) > 1:
        sys.stdout.write("\n".join(summary(outcomes)) + "\n")
    if together is not None:
        _write(together, {one.name: one.as_json() for one in outcomes})
    return max((one.code for one in outcomes), default=0)


@dataclass(frozen=True)
class Outcome:
    """What became of one bench: its report, or why it cannot run here."""

    name: str
    report: Report | None
    reason: str = ""

    @property
    def code(self) -> int:
        """The exit code."""
        if self.report is None:
            return 2
        return 0 if self.report.passed else 1

    def as_json(self) -> dict[str, Any]:
        """The report, or the reason, as JSON holds it."""
        return self.report.as_json() if self.report else {"unavailable": self.reason}


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Return one line for each floor of all benches."""
    rows: list[tuple[str, str, str, str]] = []
    for one in outcomes:
        checks = one.report.checks if one.report else []
        rows += [
            (
                "met" if check.met else "MISSED",
                one.name,
                check.floor.name,
                f"{check.found:.3g} ({check.floor.words})"
                + (f": {check.because}" if check.because and not check.met else ""),
            )
            for check in checks
        ]
        if one.report is None:
            rows.append(("not run", one.name, one.reason.splitlines()[0], ""))
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return ["all floors"] + [
        "  " + "  ".join(f"{text:{width}}" for text, width in zip(row, [*wide, 0], strict=True))
        for row in rows
    ]


def _run_one(name: str, options: Options, file: Path) -> Outcome:
    began, load_before = time.perf_counter(), os.getloadavg()[0]
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(load(name).run(options))
    except BenchUnavailable as reason:
        options.say(f"{name}: {reason}")
        return Outcome(name, None, str(reason))
    report.setting |= {
        "seconds": round(time.perf_counter() - began, 1),
        "cores": os.cpu_count(),
        "load before": round(load_before, 1),
        "python": platform.python_version(),
    }
    sys.stdout.write("\n".join(lines(report)) + "\n")
    _write(file, report.as_json())
    return Outcome(name, report)


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.write(f"written to {file}\n")
