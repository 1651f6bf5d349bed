"""Many worlds, each of its own seed: money and capacity stay true in all of them.

These are the even seeds; the odd ones are in a file of their own, for another worker.
"""

import pytest

from tests.simulation import seeds


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", seeds.seeds(odd=False))
def test_money_and_capacity_stay_true_in_a_world(seed: int) -> None:
    seeds.play(seed)
