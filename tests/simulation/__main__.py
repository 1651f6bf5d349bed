"""Runs simulated worlds: ``python -m tests.simulation --seeds 200``; see README.md."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from tests.simulation.faults import FAULTS
from tests.simulation.plants import PLANTS
from tests.simulation.stores import InMemory, Stores
from tests.simulation.world import Outcome, Settings, World

Context = Callable[[], AbstractContextManager[None]]


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 if a world was not true to its invariants."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    known = _known(asked.stores)
    if asked.faults == "list":
        _say("\n".join(known))
        return 0
    seeds = (
        [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    )
    wanted = _faults(asked.faults, known, parser)
    if asked.plant and wanted is None:
        wanted = PLANTS[asked.plant].faults
    settings = Settings(payments=asked.payments, rests=asked.rests, faults=wanted)
    totals: Counter[str] = Counter()
    failed: list[Outcome] = []
    with ExitStack() as stack:
        if asked.plant:
            stack.enter_context(PLANTS[asked.plant]())
        for name in dict.fromkeys(wanted or ()):
            stack.enter_context(known[name]())
        stores = stack.enter_context(_stores(asked.stores))
        began = time.process_time()
        for seed in seeds:
            with stores() as kept:
                outcome = World(seed, settings, kept).run()
            totals.update(outcome.counts)
            if outcome.violations:
                failed.append(outcome)
                _tell(outcome, asked)
            elif asked.trace:
                _say("\n".join(outcome.notes))
            if asked.digests:
                _say(f"{seed} {outcome.digest}")
        seconds = time.process_time() - began
    each = 1000 * seconds / max(1, totals["payments"])
    _say(
        f"{len(seeds)} seeds, {totals['payments']} payments"
        f" ({totals['renewals']} renewals, {totals['changes']} changes of plan),"
        f" {totals['crashes']} crashes,"
        f" {totals['steps']} steps, {seconds:.1f} s of CPU, {each:.1f} ms a payment,"
        f" {len(failed)} failed"
    )
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many worlds")
    parser.add_argument("--first", type=int, default=1, help="the first one's seed")
    parser.add_argument("--seed", type=int, help="this world only")
    parser.add_argument("--payments", type=int, default=100, help="payments in each world")
    parser.add_argument(
        "--rests",
        type=float,
        default=Settings().rests,
        help="how likely a pause is, from 0 to 1: the more, the more payments are renewals",
    )
    parser.add_argument(
        "--faults", help="names by commas, none, or list to see them; else the seed draws them"
    )
    parser.add_argument("--stores", choices=("memory", "postgres"), default="memory")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="a known bug to plant")
    parser.add_argument("--trace", action="store_true", help="show what happened")
    parser.add_argument("--digests", action="store_true", help="show each world's digest")
    return parser


def _known(stores: str) -> Mapping[str, Context]:
    """Return the names of faults that such worlds may have, each with what it takes to have it."""
    known: dict[str, Context] = dict.fromkeys((fault.name for fault in FAULTS), nullcontext)
    if stores == "postgres":
        from tests.simulation.postgres.plants import BY_NAME_ONLY

        known.update(BY_NAME_ONLY)
    return known


def _faults(
    text: str | None, known: Mapping[str, Context], parser: argparse.ArgumentParser
) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = () if text == "none" else tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no fault is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return names


@contextmanager
def _stores(where: str) -> Iterator[Callable[[], AbstractContextManager[Stores]]]:
    """Give what opens the stores of each world."""
    if where == "memory":
        yield lambda: nullcontext(InMemory())
        return
    # Only who asks for a server needs its programs.
    from tests.simulation.postgres.server import temporary_shelf

    with temporary_shelf() as shelf:
        yield shelf.stores


def _tell(outcome: Outcome, asked: argparse.Namespace) -> None:
    _say(f"seed {outcome.seed} failed (digest {outcome.digest}); faults: {outcome.faults}")
    for violation in outcome.violations:
        _say(f"  {violation}")
    shape = f"--payments {asked.payments} --rests {asked.rests}"
    again = f"--seed {outcome.seed} {shape} --stores {asked.stores} --trace"
    _say(f"  again: python -m tests.simulation {again}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
