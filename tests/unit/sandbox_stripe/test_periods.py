"""Billing periods: whatever the anchor, they follow each other without a gap."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.stripe.periods import next_end, period_at, period_end

EVERY = st.tuples(st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 6))
MOMENTS = st.integers(946_684_800, 2_208_988_800)  # 2000 to 2040


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _shown(moment: int) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).date().isoformat()


@pytest.mark.parametrize(
    ("anchor", "every", "ends"),
    [
        ("2026-01-31", ("month", 1), ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-30", ("month", 1), ["2028-02-29", "2028-03-30", "2028-04-30"]),
        ("2028-02-29", ("year", 1), ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        ("2026-11-30", ("month", 3), ["2027-02-28", "2027-05-30", "2027-08-30"]),
        ("2026-02-25", ("week", 2), ["2026-03-11", "2026-03-25"]),
    ],
)
def test_an_anchor_at_the_end_of_a_month_is_come_back_to(
    anchor: str, every: tuple[str, int], ends: list[str]
) -> None:
    at, found = _at(anchor), []
    for _ in ends:
        at = next_end(_at(anchor), *every, at)
        found.append(_shown(at))
    assert found == ends


@given(anchor=MOMENTS, every=EVERY, moment=MOMENTS)
def test_every_moment_lies_in_one_period_also_before_the_anchor(
    anchor: int, every: tuple[str, int], moment: int
) -> None:
    start, end = period_at(anchor, *every, moment)
    assert start <= moment < end
    assert period_at(anchor, *every, start) == (start, end)
    assert period_at(anchor, *every, end)[0] == end
    assert period_at(anchor, *every, start - 1)[1] == start


@given(anchor=MOMENTS, every=EVERY)
def test_the_first_period_ends_where_a_new_subscription_says(
    anchor: int, every: tuple[str, int]
) -> None:
    assert period_at(anchor, *every, anchor) == (anchor, period_end(anchor, *every))
