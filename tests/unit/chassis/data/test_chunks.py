"""A claim is split into calls that a server receives, and keeps its order."""

from services.chassis.relaying import MAX_BYTES_A_DELIVERY, ClaimedFact, chunks
from tests.contract.chassis.backends import fact


def _claimed(size: int, number: int) -> ClaimedFact:
    return ClaimedFact(number, 1, 0, fact(number, size=size))


def test_small_facts_go_in_one_call() -> None:
    claimed = [_claimed(100, number) for number in range(64)]
    assert list(chunks(claimed)) == [claimed]


def test_large_facts_are_spread_in_order_and_a_huge_one_goes_alone() -> None:
    half = MAX_BYTES_A_DELIVERY // 2 + 2
    sizes = [half, half, 10, 2 * MAX_BYTES_A_DELIVERY, 10]
    claimed = [_claimed(size, number) for number, size in enumerate(sizes)]
    calls = [[row.seq for row in chunk] for chunk in chunks(claimed)]
    assert calls == [[0], [1, 2], [3], [4]]


def test_nothing_makes_no_call() -> None:
    assert list(chunks([])) == []
