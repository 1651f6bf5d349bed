"""Money is exact, keeps its currency, and rounds once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.money import EXPONENTS, CurrencyMismatch, Money, from_decimal, rounded

_AMOUNTS = st.builds(Money, st.sampled_from(sorted(EXPONENTS)), st.integers(-(2**63), 2**63 - 1))


@given(_AMOUNTS)
def test_every_amount_survives_its_decimal(money: Money) -> None:
    assert from_decimal(money.to_decimal(), money.currency) == money
    assert from_decimal(str(money.to_decimal()), money.currency) == money


@pytest.mark.parametrize(
    ("text", "currency", "minor_units"),
    [("49.00", "usd", 4900), ("1500", "jpy", 1500), ("1.234", "kwd", 1234), ("-0.5", "eur", -50)],
)
def test_decimals_are_read_by_the_currency(text: str, currency: str, minor_units: int) -> None:
    assert from_decimal(text, currency) == Money(currency, minor_units)


@pytest.mark.parametrize("text", ["0.001", "1e-9", "many", "NaN", "Infinity", "1e999999", ""])
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|decimal places"):
        from_decimal(text, "usd")


@pytest.mark.parametrize(
    ("amount", "minor_units"),
    [
        ("0.125", 12),
        ("0.135", 14),
        ("-0.125", -12),
        ("0.125000000000000000000000000000000001", 13),
    ],
)
def test_rounding_is_half_to_even_and_happens_once(amount: str, minor_units: int) -> None:
    assert rounded(Decimal(amount), "usd").minor_units == minor_units


def test_floats_and_unknown_currencies_are_refused() -> None:
    with pytest.raises(TypeError):
        from_decimal(0.1, "usd")  # type: ignore[arg-type]  # the refusal is what is tested
    with pytest.raises(TypeError):
        Money("usd", 1.5)  # type: ignore[arg-type]  # the refusal is what is tested
    with pytest.raises(ValueError, match="USD"):
        Money("USD", 1)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Money("usd", 1) + Money("eur", 1)
    with pytest.raises(CurrencyMismatch):
        assert Money("usd", 1) < Money("jpy", 2)
    assert Money("usd", 1) != Money("eur", 1)


def test_amounts_of_one_currency_add_and_compare() -> None:
    assert Money("usd", 2) * 3 - Money("usd", 1) == Money("usd", 5)
    assert max(Money("usd", 2), Money("usd", 7)) == Money("usd", 7)
    assert str(-Money("eur", 1234)) == "-12.34 EUR"
