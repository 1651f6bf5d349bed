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
from tests.bench.ready import needed
from tests.bench.report import Report, lines
from tests.bench.runner import Entry, Options, Outcome, Wanted, run_all, summary

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

    def run(self, names: list[str], folder: Path, together: Path | None = None) -> int:
        return run_all(names, Wanted(size=3), folder, self.said.append, together)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """No bench but those of the test."""
    found = Stage()
    monkeypatch.setattr(runner, "load", found.benches.__getitem__)
    names = ("one", "good", "bad", "absent")
    monkeypatch.setattr(runner, "BENCHES", {name: Entry("", "things", 9, 2) for name in names})
    return found


def test_a_bench_whose_floors_are_met_ends_with_0_and_writes_what_it_found(
    stage: Stage, tmp_path: Path
) -> None:
    stage.benches["one"] = Bench(1.5)
    assert stage.run(["one"], tmp_path / "new") == 0
    written = orjson.loads((tmp_path / "new" / "one.json").read_bytes())
    assert written["passed"] is True
    assert written["floors"][0]["found"] == 1.5
    assert {"size", "seconds", "cores", "python"} <= set(written["setting"])


def test_a_missed_floor_ends_with_1_and_the_other_benches_run_all_the_same(
    stage: Stage, tmp_path: Path
) -> None:
    stage.benches |= {"bad": Bench(0.5), "good": Bench(2.0)}
    assert stage.run(["bad", "good"], tmp_path) == 1
    assert (tmp_path / "bad.json").exists()
    assert (tmp_path / "good.json").exists()


def test_what_is_not_here_is_said_in_a_sentence_and_ends_with_2(
    stage: Stage, tmp_path: Path
) -> None:
    stage.benches["absent"] = Bench(None)
    assert stage.run(["absent"], tmp_path) == 2
    assert stage.said == ["absent: The program is not here."]
    assert not list(tmp_path.iterdir())


def test_all_reports_go_to_one_file_too_and_the_summary_names_each_floor(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.benches |= {"bad": Bench(0.5), "good": Bench(2.0), "absent": Bench(None)}
    file = tmp_path / "all.json"
    assert stage.run(["bad", "good", "absent"], tmp_path, file) == 2
    written = orjson.loads(file.read_bytes())
    assert {name: one.get("passed") for name, one in written.items()} == {
        "bad": False,
        "good": True,
        "absent": None,
    }
    told = capsys.readouterr().out.partition("all floors\n")[2].splitlines()
    assert [line.split()[0] for line in told[:3]] == ["MISSED", "met", "not"]


def test_a_bench_does_what_is_its_own_unless_something_else_is_wanted() -> None:
    said: list[str] = []
    own = runner.options_of("rpc", Wanted(), said.append)
    asked = runner.options_of("rpc", Wanted(rounds=1), said.append)
    assert own.size == asked.size == runner.BENCHES["rpc"].size
    assert (own.rounds, asked.rounds) == (runner.BENCHES["rpc"].rounds, 1)


def test_a_summary_of_nothing_is_a_headline() -> None:
    assert summary([]) == ["all floors"]


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


def test_a_missed_floor_is_told_with_its_reason_of_the_run_and_a_met_one_without() -> None:
    report = Report("any")
    report.check(FLOOR, 0.5, "3 cores are needed, there are 2")
    report.check(FLOOR, 2.0, "this is not told")
    told = "\n".join(lines(report))
    assert "missed: 3 cores are needed, there are 2" in told
    assert "this is not told" not in told
    assert [one["because"] for one in report.as_json()["floors"]] == [
        "3 cores are needed, there are 2",
        "",
    ]
    rows = summary([Outcome("any", report)])
    assert rows[1].endswith("0.5 (at least 1): 3 cores are needed, there are 2")
    assert rows[2].endswith("2 (at least 1)")
    assert Outcome("any", report).code == 1


def test_what_a_rate_needs_is_said_in_cores_of_its_own_figures() -> None:
    assert needed(20, 155.0, 2) == "20/s of 155 ms each need 3.1 cores, there are 2"
