"""`python -m tests.bench [name ...]`: measure, show, write; exit 1 if a floor is missed."""

import argparse
import sys
from pathlib import Path

from tests.bench.runner import BENCHES, Wanted, run_all
from tests.cluster.settings import ROOT

_FOLDER = ROOT / ".tollgate" / "bench"
_EXIT = "Exit code 0: every floor met; 1: a floor missed; 2: something that is needed is not here."


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    names = ", ".join(BENCHES)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Ratios within one run, held against floors. docs/benchmarks.md tells of each.",
        epilog=_EXIT,
    )
    parser.add_argument("name", nargs="*", help=f"benches to run, of: {names}; none: all of them")
    sizes = ", ".join(f"{name} {one.size} {one.unit}" for name, one in BENCHES.items())
    parser.add_argument("--size", type=_positive, help=f"how much in a round ({sizes})")
    parser.add_argument("--rounds", type=_positive, help="rounds of each side")
    parser.add_argument("--out", type=Path, default=_FOLDER, help=f"folder of the JSON ({_FOLDER})")
    parser.add_argument("--json", type=Path, help="a file for all reports together")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.name if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench {', '.join(unknown)}; there is {names}")
    wanted = Wanted(given.size, given.rounds)
    return run_all(given.name or list(BENCHES), wanted, given.out, _say, given.json)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
