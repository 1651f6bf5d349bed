"""The runner: what is written where, and with which exit code it ends."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.bench import runner
from tests.bench.__main__ import main
from tests.bench.errors import BenchUnavailable
from tests.bench.figures import Floor
from tests.bench.provisioner.counting import Requests
from tests.bench.report import Report
from tests.bench.runner import Options, run_all

FLOOR = Floor("rate", "why", at_least=1)


@dataclass
class Bench:
    """A bench that finds what it is told to, or nothing."""

    found: float | None

    def run(self, options: Options) -> Coroutine[Any, Any, Report]:
        return self._run(options)

    async def _run(self, options: Options) -> Report:
        if self.found is None:
            raise BenchUnavailable("The program is not here.")
        report = Report("any", {"size": options.size})
        report.check(FLOOR, self.found)
        return report


@dataclass
class Stage:
    """Benches by name, and what was said."""

    benches: dict[str, Bench] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def options(self) -> Options:
        return Options(3, 1, self.said.append)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """No bench but those of the test."""
    found = Stage()
    monkeypatch.setattr(runner, "load", found.benches.__getitem__)
    return found


def test_a_bench_whose_floors_are_met_ends_with_0_and_writes_what_it_found(
    stage: Stage, tmp_path: Path
) -> None:
    stage.benches["one"] = Bench(1.5)
    assert run_all(["one"], stage.options, tmp_path / "new") == 0
    written = orjson.loads((tmp_path / "new" / "one.json").read_bytes())
    assert written["passed"] is True
    assert written["floors"][0]["found"] == 1.5
    assert {"size", "seconds", "cores", "python"} <= set(written["setting"])


def test_a_missed_floor_ends_with_1_and_the_other_benches_run_all_the_same(
    stage: Stage, tmp_path: Path
) -> None:
    stage.benches |= {"bad": Bench(0.5), "good": Bench(2.0)}
    assert run_all(["bad", "good"], stage.options, tmp_path) == 1
    assert (tmp_path / "bad.json").exists()
    assert (tmp_path / "good.json").exists()


def test_what_is_not_here_is_said_in_a_sentence_and_ends_with_2(
    stage: Stage, tmp_path: Path
) -> None:
    stage.benches["absent"] = Bench(None)
    assert run_all(["absent"], stage.options, tmp_path) == 2
    assert stage.said == ["absent: The program is not here."]
    assert not list(tmp_path.iterdir())


def test_a_bench_that_there_is_not_is_refused_with_the_names_of_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nothing"])
    assert ended.value.code == 2
    assert "provisioner" in capsys.readouterr().err


def test_watches_count_neither_as_reads_nor_as_writes() -> None:
    requests = Requests()
    requests.verbs.update(["watch", "GET", "list", "PATCH", "POST", "delete"])
    assert (requests.reads, requests.writes) == (2, 3)
