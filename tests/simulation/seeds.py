"""Which worlds the seeds' tests play, and playing one.

Most are long: months pass between what people do, customers stay, and most payments are renewals.
In every fourth nobody rests for long, and most payments are somebody's first. Neighbours are of one
shape, so that odd and even seeds, which two workers play, cost about the same.

``SIMULATION_PAYMENTS`` says how many payments are taken over all worlds, and ``SIMULATION_FIRST``
the first seed.
"""

import os
from collections.abc import Iterator
from itertools import count

from tests.simulation.world import Settings, World

PAYMENTS = int(os.environ.get("SIMULATION_PAYMENTS", "20000"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "1"))

LONG = Settings(payments=1000, rests=0.5)
BUSY = Settings(payments=200)
_SHAPES = (LONG, LONG, LONG, BUSY)


def settings_of(seed: int) -> Settings:
    """Return what a seed's world is like."""
    return _SHAPES[seed // 2 % len(_SHAPES)]


def seeds(*, odd: bool) -> list[int]:
    """Return the odd or the even ones of the seeds that take all payments together."""
    return [seed for seed in _all() if bool(seed % 2) == odd]


def _all() -> Iterator[int]:
    left = PAYMENTS
    for seed in count(FIRST):
        if left <= 0:
            return
        left -= settings_of(seed).payments
        yield seed


def play(seed: int) -> None:
    """Play a seed's world; fails with what it violated, and how to see that again."""
    settings = settings_of(seed)
    outcome = World(seed, settings).run()
    shape = f"--payments {settings.payments} --rests {settings.rests}"
    again = f"python -m tests.simulation --seed {seed} {shape} --trace"
    assert not outcome.violations, "\n".join([*outcome.violations, again])
    assert outcome.counts["payments"] >= settings.payments
