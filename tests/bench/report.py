"""What a bench has found: figures, and floors held against some of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.figures import Floor


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, the figures by the name of their column, and their unit."""

    what: str
    unit: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """A floor and what was found; ``because`` says of what, in the run's own figures."""

    floor: Floor
    found: float
    because: str = ""

    @property
    def met(self) -> bool:
        """Whether what was found is within the floor's bounds."""
        return self.floor.met_by(self.found)


@dataclass
class Report:
    """Everything that one bench has to say; ``setting`` is what it was run with."""

    bench: str
    setting: dict[str, Any] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there was a floor, and each was met."""
        return bool(self.checks) and all(check.met for check in self.checks)

    def add(self, what: str, unit: str, **values: float) -> None:
        """Add a row."""
        self.figures.append(Figure(what, unit, values))

    def check(self, floor: Floor, found: float, because: str = "") -> None:
        """Hold a floor against a figure; ``because`` is told where it is missed."""
        self.checks.append(Check(floor, found, because))

    def as_json(self) -> dict[str, Any]:
        """The whole report as JSON holds it."""
        return {
            "bench": self.bench,
            "passed": self.passed,
            "setting": self.setting,
            "figures": [
                {"what": one.what, "unit": one.unit, "values": dict(one.values)}
                for one in self.figures
            ],
            "floors": [
                {
                    "name": one.floor.name,
                    "bound": one.floor.words,
                    "reason": one.floor.reason,
                    "found": one.found,
                    "met": one.met,
                    "because": "" if one.met else one.because,
                }
                for one in self.checks
            ],
        }


def lines(report: Report) -> list[str]:
    """The report as a plain table."""
    setting = ", ".join(f"{name} {value}" for name, value in report.setting.items())
    rows = [
        (one.what, "  ".join(f"{name} {value:.4g}" for name, value in one.values.items()), one.unit)
        for one in report.figures
    ]
    wide = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    table = [f"  {what:{wide[0]}}  {values:{wide[1]}}  {unit}" for what, values, unit in rows]
    told = [line for check in report.checks for line in _told(check)]
    return [f"{report.bench} ({setting})", *table, "floors", *told]


def _told(check: Check) -> list[str]:
    word = "met   " if check.met else "MISSED"
    first = f"  {word} {check.floor.name}: {check.found:.3g}, floor {check.floor.words}"
    why = [] if check.met or not check.because else [f"           missed: {check.because}"]
    return [first, *why, f"           {check.floor.reason}"]
