"""Shares of amounts: what is credited, debited, spread and asked by tiers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.stripe.amounts import amount_of, share, spread
from deploy.sandbox.stripe.proration import Charge

MONTH = 30 * 86400
AMOUNTS = st.integers(0, 10_000_000)


@pytest.mark.parametrize(
    ("passed", "left"), [(0, 4900), (MONTH // 2, 2450), (MONTH, 0), (2 * MONTH, 0), (-5, 4900)]
)
def test_what_is_left_of_a_charge_falls_from_all_to_nothing(passed: int, left: int) -> None:
    assert Charge(4900, 1000, 1000 + MONTH).remaining(1000 + passed) == left


def test_an_empty_period_has_nothing_left() -> None:
    assert Charge(4900, 1000, 1000).remaining(1000) == 0


@given(amount=AMOUNTS, moment=st.integers(0, MONTH))
def test_what_is_used_and_what_is_left_are_the_whole(amount: int, moment: int) -> None:
    used = share(amount, moment, MONTH)
    left = Charge(amount, 0, MONTH).remaining(moment)
    assert 0 <= left <= amount
    assert abs(used + left - amount) <= 1  # a half on both sides is rounded up twice


@given(amount=AMOUNTS, first=st.integers(0, MONTH), second=st.integers(0, MONTH))
def test_later_there_is_never_more_left(amount: int, first: int, second: int) -> None:
    charge = Charge(amount, 0, MONTH)
    early, late = sorted((first, second))
    assert charge.remaining(early) >= charge.remaining(late)


@pytest.mark.parametrize(("amount", "part", "of", "found"), [(1, 1, 2, 1), (100, 1, 3, 33)])
def test_a_share_is_rounded_half_up(amount: int, part: int, of: int, found: int) -> None:
    assert share(amount, part, of) == found
    assert share(-amount, part, of) == -found


@given(total=AMOUNTS, weights=st.lists(st.integers(0, 10_000), min_size=1, max_size=20))
def test_parts_add_up_to_the_whole(total: int, weights: list[int]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    assert len(parts) == len(weights)
    assert all(part >= 0 for part in parts)


def _price(**given: Any) -> dict[str, Any]:
    plain = {"billing_scheme": "per_unit", "tiers_mode": None, "transform_quantity": None}
    return {**plain, "unit_amount": None, "unit_amount_decimal": None, **given}


def _tier(up_to: int | None, unit: int, flat: int = 0) -> dict[str, Any]:
    amounts = {"unit_amount": unit, "unit_amount_decimal": str(unit)}
    return {"up_to": up_to, **amounts, "flat_amount": flat, "flat_amount_decimal": str(flat)}


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        (_price(unit_amount=500, unit_amount_decimal="500"), 3, 1500),
        (_price(unit_amount_decimal="0.5"), 3, 2),
        (
            _price(unit_amount=500, transform_quantity={"divide_by": 10, "round": "up"}),
            21,
            1500,
        ),
        (
            _price(unit_amount=500, transform_quantity={"divide_by": 10, "round": "down"}),
            29,
            1000,
        ),
    ],
)
def test_a_quantity_costs_units_or_packages(
    price: dict[str, Any], quantity: int, amount: int
) -> None:
    assert amount_of(price, [], quantity) == amount


@pytest.mark.parametrize(
    ("mode", "quantity", "amount"),
    [
        ("graduated", 0, 100),
        ("graduated", 10, 1100),
        ("graduated", 11, 1150),
        ("volume", 10, 1100),
        ("volume", 11, 550),
    ],
)
def test_tiers_are_asked_one_after_the_other_or_the_reached_one(
    mode: str, quantity: int, amount: int
) -> None:
    tiers = [_tier(10, 100, flat=100), _tier(None, 50)]
    assert amount_of(_price(billing_scheme="tiered", tiers_mode=mode), tiers, quantity) == amount
