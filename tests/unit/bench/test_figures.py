"""The pure parts of the benches: percentiles, medians of ratios, floors, reports."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.figures import Floor, median_ratio, percentile
from tests.bench.report import Report, lines

NUMBERS = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=50)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 1.0) == 100.0
    assert percentile(values, 0.0) == 1.0
    assert percentile([7.0], 0.99) == 7.0


@given(NUMBERS, st.floats(min_value=0, max_value=1))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    below = sum(value <= found for value in values)
    assert below >= share * len(values) - 1e-9
    assert all(
        sum(value <= other for value in values) < share * len(values)
        for other in values
        if other < found
    )


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_outside_of_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], share)


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="0 values"):
        percentile([], 0.5)


def test_ratios_are_taken_round_by_round_so_that_a_slow_round_counts_once() -> None:
    assert median_ratio([10.0, 1.0, 9.0], [10.0, 1.0, 10.0]) == 1.0
    assert median_ratio([8.0, 40.0], [10.0, 40.0]) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("ours", "others"), [([], []), ([1.0], [1.0, 2.0]), ([1.0], [0.0]), ([1.0], [-1.0])]
)
def test_rounds_that_cannot_be_compared_are_refused(ours: list[float], others: list[float]) -> None:
    with pytest.raises(ValueError, match="one by one"):
        median_ratio(ours, others)


def test_a_floor_is_met_at_its_bound_and_missed_beyond_it() -> None:
    least = Floor("rate", "why", at_least=0.8)
    assert [least.met_by(value) for value in (0.79, 0.8, 5.0)] == [False, True, True]
    most = Floor("writes", "why", at_most=0)
    assert [most.met_by(value) for value in (0, 1)] == [True, False]
    both = Floor("both", "why", at_least=1, at_most=2)
    assert [both.met_by(value) for value in (0.9, 1.5, 2.1)] == [False, True, False]
    assert both.words == "at least 1 and at most 2"


def test_what_is_no_number_meets_no_floor() -> None:
    assert not Floor("rate", "why", at_least=0.8).met_by(math.nan)
    assert not Floor("writes", "why", at_most=0).met_by(math.nan)


def test_a_report_passes_only_if_it_held_a_floor_and_met_every_one() -> None:
    report = Report("any")
    assert not report.passed
    report.check(Floor("rate", "why", at_least=0.8), 0.9)
    assert report.passed
    report.check(Floor("writes", "why", at_most=0), 1)
    assert not report.passed


def test_a_report_says_which_floor_was_missed_by_what_and_why_it_is_there() -> None:
    report = Report("any", {"size": 3})
    report.add("made", "tenants/s", median=12.5)
    report.check(Floor("rate", "the reason", at_least=0.8), 0.5)
    text = "\n".join(lines(report))
    assert "any (size 3)" in text
    assert "made  median 12.5  tenants/s" in text
    assert "MISSED rate: 0.5, floor at least 0.8" in text
    assert "the reason" in text
    found = report.as_json()
    assert found["passed"] is False
    assert found["floors"][0] == {
        "name": "rate",
        "bound": "at least 0.8",
        "reason": "the reason",
        "found": 0.5,
        "met": False,
        "because": "",
    }
