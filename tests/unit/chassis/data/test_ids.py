"""Ids: their shape, their order, and that derived ones do not collide by concatenation."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.ids import RandomIds, derived
from tests.fakes.chassis import ManualClock

_SHAPE = re.compile(r"acc_[0-9a-hjkmnp-tv-z]{26}")


def test_random_ids_have_the_prefix_and_26_characters() -> None:
    assert _SHAPE.fullmatch(RandomIds().new("acc"))


def test_random_ids_of_later_milliseconds_sort_later() -> None:
    clock = ManualClock()
    ids = RandomIds(clock)
    made = []
    for _ in range(50):
        made.append(ids.new("acc"))
        clock.advance(0.001)
    assert made == sorted(made)


def test_random_ids_of_one_moment_differ() -> None:
    ids = RandomIds(ManualClock())
    assert len({ids.new("acc") for _ in range(1000)}) == 1000


_PARTS = st.lists(st.text("ab/\x00é", max_size=4), max_size=4)


@given(_PARTS, _PARTS)
def test_derived_ids_are_equal_exactly_when_their_parts_are(
    one: list[str], other: list[str]
) -> None:
    assert _SHAPE.fullmatch(derived("acc", *one))
    assert (derived("acc", *one) == derived("acc", *other)) == (one == other)


def test_a_derived_id_is_the_same_in_every_version() -> None:
    assert derived("acc", "ab", "c") == "acc_303na7drpczrp8f8nvmyhj4scq"
