"""Whole numbers of a unit that is fine enough, and the one rounding at the end.

Whole numbers throughout: decimals that are wide enough cost ten times as much.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

from services.pricing.rates import Rounding


def same_unit(amounts: Sequence[Decimal]) -> tuple[list[int], int]:
    """Return the amounts as so many of one unit, and how many of it are 1."""
    ratios = [amount.as_integer_ratio() for amount in amounts]
    in_one = lcm(*(denominator for _, denominator in ratios))
    return [number * (in_one // denominator) for number, denominator in ratios], in_one


def less(amounts: Sequence[int], in_one: int, taken: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return the amounts, followed by what is taken as amounts below 0, all of one unit."""
    unit = lcm(in_one, *(one.denominator for one in taken))
    finer = unit // in_one
    return [
        *(amount * finer for amount in amounts),
        *(-one.numerator * (unit // one.denominator) for one in taken),
    ], unit


def whole(amounts: Sequence[int], in_one: int, rounding: Rounding) -> list[int]:
    """Round the sum, which is not below 0, and share it out by largest remainder."""
    shares = [divmod(amount, in_one) for amount in amounts]
    found = [share for share, _ in shares]
    left = rounded(sum(amounts), in_one, rounding) - sum(found)
    # Of equal remainders the first ones: sorting keeps their order.
    largest = sorted(range(len(shares)), key=lambda place: shares[place][1], reverse=True)
    for place in largest[:left]:
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
