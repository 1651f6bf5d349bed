"""How an exact sum becomes whole minor units, beside the plain definition of it in fractions."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.pricing.costing.exact import whole
from services.pricing.rates import Rounding

WAYS = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.UP: ROUND_UP,
}
WIDE = Context(prec=80)
# Of a small unit, so that remainders are often equal and sums often halves.
amounts = st.lists(st.one_of(st.integers(0, 40), st.integers(0, 10**15)), min_size=1, max_size=25)
units = st.one_of(st.integers(1, 20), st.integers(1, 2**70), st.just(2**30))
times = st.one_of(st.just(1), st.integers(1, 60), st.integers(1, 10**9))


def rounded_sum(parts: Sequence[Fraction], rounding: Rounding) -> int:
    """The sum as a whole number, by the decimals' own rounding of what is above it."""
    number, rest = divmod(sum(parts, Fraction()), 1)
    # Which side of a half it is on is all that counts of the rest.
    side = Decimal("0.5") + ((rest > Fraction(1, 2)) - (rest < Fraction(1, 2))) * Decimal("0.25")
    shown = WIDE.add(number, side if rest else 0)
    return int(shown.to_integral_value(rounding=WAYS[rounding], context=WIDE))


def shared_out(parts: Sequence[Fraction], rounding: Rounding) -> list[int]:
    """Give each its whole part, then one more to the largest remainder until the sum is right."""
    found = [floor(part) for part in parts]
    remainders = [part - share for part, share in zip(parts, found, strict=True)]
    while sum(found) < rounded_sum(parts, rounding):
        largest = remainders.index(max(remainders))
        found[largest] += 1
        remainders[largest] = Fraction(-1)
    return found


@pytest.mark.parametrize("rounding", Rounding)
@given(amounts=amounts, in_one=units, times=times)
@example(amounts=[1, 1, 1, 1], in_one=8, times=1)
@example(amounts=[1, 2, 0, 3], in_one=4, times=1)
@example(amounts=[3], in_one=2, times=1)
def test_a_sum_is_rounded_once_and_shared_out_by_largest_remainder(
    rounding: Rounding, amounts: list[int], in_one: int, times: int
) -> None:
    exact = [Fraction(amount * times, in_one) for amount in amounts]
    assert whole(amounts, in_one, rounding, times) == shared_out(exact, rounding)


@pytest.mark.parametrize("rounding", Rounding)
@given(amounts=amounts, in_one=units, share=st.integers(0, 100))
def test_what_comes_off_is_shared_out_with_the_rest(
    rounding: Rounding, amounts: list[int], in_one: int, share: int
) -> None:
    off = -(sum(amounts) * share // 100)
    exact = [Fraction(amount, in_one) for amount in [*amounts, off]]
    assert whole([*amounts, off], in_one, rounding) == shared_out(exact, rounding)
