"""`python -m tests.chaos`: a storm over the real processes; 0 if everything paid stands once."""

import argparse
import asyncio
import random
import shutil
import sys
import time
from pathlib import Path

from deploy.sandbox.postgres.roles import DatabaseRefused
from deploy.sandbox.stack.settings import ROOT, BadSetting
from deploy.sandbox.supervisor.errors import SupervisorError
from tests.chaos.drawing import draw
from tests.chaos.report import report, story
from tests.chaos.run import Result, run

_FOLDER = ROOT / ".tollgate" / "chaos"
_EXIT = "Exit code 0: all as it was paid; 1: something is wrong, or took too long; 2: no start."


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    given = _arguments(arguments)
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    home = given.home or _FOLDER / f"{seed}-{given.payments}"
    say = _Teller().say
    say(
        f"seed {seed}: `python -m tests.chaos --payments {given.payments} --seed {seed}` repeats it"
    )
    if given.home and given.home.exists():
        sys.stderr.write(f"{home} exists; nothing that stands is used or removed\n")
        return 2
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        result = asyncio.run(_bounded(given.payments, seed, home, given.minutes_bound))
    except (BadSetting, DatabaseRefused, SupervisorError) as problem:
        sys.stderr.write(f"the stack cannot start: {problem}\n")
        return 2
    except TimeoutError:
        sys.stderr.write(f"not done after {given.minutes_bound:g} minutes; see {home}/log\n")
        return 1
    sys.stdout.write(report(result) + "\n")
    (home / "story.txt").write_text(story(result))
    if result.findings:
        sys.stdout.write(f"{len(result.findings)} findings; the stack's folder is {home}\n")
        return 1
    if not given.keep:
        shutil.rmtree(home)
    sys.stdout.write("everything that was paid stands, once, and nothing else\n")
    return 0


async def _bounded(payments: int, seed: int, home: Path, minutes: float) -> Result:
    async with asyncio.timeout(minutes * 60):
        return await run(draw(seed, payments), home, _Teller().say)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Payments through the real processes, which are killed, paused and lied to.",
        epilog=_EXIT,
    )
    parser.add_argument("--payments", type=_positive, default=300, help="how many (300)")
    parser.add_argument("--seed", type=int, help="repeats a schedule; default: a new one")
    parser.add_argument("--minutes-bound", type=float, default=15.0, help="most it may take (15)")
    parser.add_argument("--home", type=Path, help=f"the stack's folder (one in {_FOLDER})")
    parser.add_argument("--keep", action="store_true", help="keep the folder if all is well")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


class _Teller:
    """Tells what goes on, with the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Write one line."""
        sys.stderr.write(f"{time.monotonic() - self._began:6.1f} s  {text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
