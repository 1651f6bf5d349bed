"""Each known bug is found within a few worlds, by the invariant that is there for it."""

import pytest

from tests.simulation.plants import PLANTS, Plant
from tests.simulation.world import Outcome, Settings, World

SEEDS = range(1, 9)


@pytest.mark.parametrize("plant", PLANTS.values(), ids=lambda plant: plant.name)
def test_a_known_bug_is_found_by_its_invariant(plant: Plant) -> None:
    settings = Settings(payments=plant.payments, faults=plant.faults)
    told: list[str] = []
    with plant():
        for seed in SEEDS:
            outcome = World(seed, settings).run()
            told += outcome.violations
            if _broken(outcome) & plant.invariants:
                return
    pytest.fail(f"not found in {len(SEEDS)} worlds; what was found: {told}")


def _broken(outcome: Outcome) -> set[str]:
    return {violation.partition(":")[0] for violation in outcome.violations}
