"""Whole numbers of a unit that is fine enough, and the one rounding at the end.

Whole numbers throughout: decimals that are wide enough cost ten times as much.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import repeat
from math import gcd, lcm

from services.pricing.rates import Rounding


def same_unit(amounts: Sequence[Decimal]) -> tuple[list[int], int]:
    """Return the amounts as so many of one unit, and how many of it are 1."""
    ratios = [amount.as_integer_ratio() for amount in amounts]
    in_one = lcm(*[denominator for _, denominator in ratios])
    return [number * (in_one // denominator) for number, denominator in ratios], in_one


def less(amounts: Sequence[int], in_one: int, taken: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return the amounts, followed by what is taken as amounts below 0, all of one unit."""
    unit = lcm(in_one, *(one.denominator for one in taken))
    finer = unit // in_one
    return [
        *(amount * finer for amount in amounts),
        *(-one.numerator * (unit // one.denominator) for one in taken),
    ], unit


def whole(amounts: Sequence[int], in_one: int, rounding: Rounding, times: int = 1) -> list[int]:
    """Round the sum of so many times the amounts, and share it out by largest remainder.

    The sum is not below 0.
    """
    # Numbers of one machine word divide in a third of the time.
    common = gcd(times, in_one)
    times, in_one = times // common, in_one // common
    if times != 1:
        amounts = [amount * times for amount in amounts]
    shares, rests = zip(*map(divmod, amounts, repeat(in_one)), strict=True)
    found = list(shares)
    left = rounded(sum(amounts), in_one, rounding) - sum(found)
    if left:
        # Of equal remainders the first ones: sorting keeps their order.
        for place in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:left]:
            found[place] += 1
    return found


def rounded(amount: int, in_one: int, rounding: Rounding) -> int:
    """Return an amount of a unit, not below 0, as a whole number."""
    number, rest = divmod(amount, in_one)
    if rounding is Rounding.UP:
        return number + (rest > 0)
    if rounding is Rounding.HALF_UP:
        return number + (2 * rest >= in_one)
    return number + (2 * rest > in_one or (2 * rest == in_one and number % 2 == 1))
