"""Many worlds, each of its own seed: money and capacity stay true in all of them.

``SIMULATION_PAYMENTS`` says how many payments are taken over all of them, and
``SIMULATION_FIRST`` the first seed; xdist shares the worlds out to its workers. More is run by
``python -m tests.simulation``.
"""

import os

import pytest

from tests.simulation.world import Settings, World

PAYMENTS = int(os.environ.get("SIMULATION_PAYMENTS", "6000"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "1"))
EACH = 200
"""Payments of one world."""


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, PAYMENTS // EACH)))
def test_money_and_capacity_stay_true_in_a_world(seed: int) -> None:
    outcome = World(seed, Settings(payments=EACH)).run()
    again = f"python -m tests.simulation --seed {seed} --payments {EACH} --trace"
    assert not outcome.violations, "\n".join([*outcome.violations, again])
    assert outcome.counts["payments"] >= EACH
