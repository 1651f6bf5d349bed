"""Sums, rounded once and shared out; months; the forecast and its band."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.money import Money
from services.pricing.costs.budgets import Basis, Budget, Threshold, alerts_of
from services.pricing.costs.domain import DAY, CostFilter, Dimension, second_of
from services.pricing.costs.forecast import (
    DayChange,
    Outlook,
    Standing,
    daily_costs,
    forecast,
    outlooks,
)
from services.pricing.costs.months import Window, by_month, month_of
from services.pricing.costs.report import Sum, report_of, rounded, shared

NOVEMBER = month_of(second_of(datetime(2026, 11, 21, 13, 5, tzinfo=UTC)))
HOUR = 3600
MONTH = 730


def summed(user: str, rate: str, seconds: int, records: int = 1, begun: int = 1) -> Sum:
    values = (user,) if user else ()
    return Sum(values, "usd", MONTH, Decimal(rate) * seconds, records, begun)


@given(st.lists(st.fractions(min_value=0, max_value=10**6), min_size=1, max_size=30))
def test_parts_add_up_to_the_sum_that_was_rounded_once(costs: list[Fraction]) -> None:
    parts = shared(costs, "usd")
    assert sum(parts) == rounded(sum(costs, Fraction(0)), "usd").minor_units
    for part, cost in zip(parts, costs, strict=True):
        assert abs(part - cost * 100) < 1


@pytest.mark.parametrize(("cost", "cents"), [("0.005", 0), ("0.015", 2), ("0.0151", 2)])
def test_a_half_is_rounded_to_even(cost: str, cents: int) -> None:
    assert rounded(Fraction(cost), "usd") == Money("usd", cents)


def test_lines_of_a_report_are_in_order_and_add_up() -> None:
    third = [summed(user, "10", MONTH * HOUR // 3) for user in ("uma", "ada", "zoe")]
    whole = Window(NOVEMBER.begin, NOVEMBER.end)
    report = report_of([Dimension.USER], [(whole, third)], whole)
    assert [(line.values, line.cost.minor_units) for line in report.lines] == [
        (("ada",), 334),
        (("uma",), 333),
        (("zoe",), 333),
    ]
    assert [(total.cost, total.records) for total in report.totals] == [(Money("usd", 1000), 3)]


def test_a_record_that_two_months_cross_counts_once_in_the_total() -> None:
    window = Window(NOVEMBER.begin, NOVEMBER.end + 10 * DAY)
    first, second = by_month(window)
    report = report_of(
        [Dimension.MONTH, Dimension.USER],
        [(first, [summed("ada", "1", 10, 2, 1)]), (second, [summed("ada", "1", 10, 1, 0)])],
        window,
    )
    assert [line.values for line in report.lines] == [("2026-11", "ada"), ("2026-12", "ada")]
    assert [line.records for line in report.lines] == [2, 1]
    assert report.totals[0].records == 2


def test_currencies_do_not_mix_and_each_month_length_is_its_own() -> None:
    whole = Window(NOVEMBER.begin, NOVEMBER.end)
    sums = [
        Sum(("ada",), "usd", 730, Decimal(73) * HOUR, 1, 1),
        Sum(("ada",), "usd", 100, Decimal(10) * HOUR, 1, 1),
        Sum(("ada",), "jpy", 1, Decimal(7) * HOUR, 1, 1),
    ]
    report = report_of([Dimension.USER], [(whole, sums)], whole)
    assert [line.cost for line in report.lines] == [Money("jpy", 7), Money("usd", 20)]


def test_months_are_those_of_the_calendar_in_utc() -> None:
    window = Window(second_of(datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC)), 0)
    window = Window(window.begin, second_of(datetime(2024, 3, 1, 0, 0, 1, tzinfo=UTC)))
    pieces = by_month(window)
    assert [piece.month for piece in pieces] == ["2023-12", "2024-01", "2024-02", "2024-03"]
    assert [piece.end - piece.begin for piece in pieces] == [1, 31 * DAY, 29 * DAY, 1]
    assert by_month(Window(5, 5)) == []


def test_expected_is_what_is_spent_and_what_stands_for_the_rest() -> None:
    (found,) = outlooks(
        [summed("", "730", 10 * HOUR)], [Standing("usd", MONTH, Decimal(1460))], 5 * HOUR
    )
    assert [found.spent, found.expected] == [Fraction(10), Fraction(20)]


def test_daily_costs_follow_what_came_and_went() -> None:
    changes = [
        DayChange("usd", MONTH, -1, Decimal(730)),
        DayChange("usd", MONTH, 1, Decimal(730), Decimal(730) * DAY // 2),
        DayChange("usd", MONTH, 2, Decimal(-1460), Decimal(-1460) * DAY),
    ]
    assert daily_costs(changes, 4) == {"usd": [Fraction(cost) for cost in (24, 36, 0, 0)]}


def test_a_cost_that_never_changed_has_a_band_without_width() -> None:
    found = forecast(Outlook("usd", Fraction(100), Fraction(150)), [Fraction(5)] * 28, 10 * DAY)
    assert found.low == found.high == found.expected == Money("usd", 15000)


def test_the_band_follows_how_much_days_have_changed() -> None:
    days = [Fraction(10 + place % 2) for place in range(28)]
    found = forecast(Outlook("usd", Fraction(100), Fraction(150)), days, 3 * DAY)
    # Changes of 1 a day: 1 x root(27 / 3) x 0.8416 on either side.
    assert (found.low, found.high) == (Money("usd", 14748), Money("usd", 15252))
    later = forecast(Outlook("usd", Fraction(100), Fraction(150)), days, DAY)
    assert found.low < later.low < later.high < found.high


def test_what_is_spent_stays_spent() -> None:
    days = [Fraction(0), Fraction(500), Fraction(0), Fraction(500)]
    found = forecast(Outlook("usd", Fraction(100), Fraction(101)), days, 20 * DAY)
    assert found.low == found.spent == Money("usd", 10000)


def test_days_before_anything_stood_say_nothing_of_changes() -> None:
    outlook = Outlook("usd", Fraction(1), Fraction(2))
    empty = [Fraction(0)] * 20
    steady = forecast(outlook, [*empty, *[Fraction(7)] * 8], DAY)
    assert steady.low == steady.high == Money("usd", 200)
    assert forecast(outlook, [], DAY).high == Money("usd", 200)


def test_a_threshold_is_reached_exactly_at_its_share() -> None:
    when = datetime(2026, 11, 21, tzinfo=UTC)
    thresholds = (
        Threshold(50, Basis.SPENT),
        Threshold(80, Basis.SPENT),
        Threshold(100, Basis.FORECAST),
    )
    budget = Budget(
        "bud_1", "Team", CostFilter(user="ada"), Money("usd", 10000), thresholds, when, when
    )
    spent = Outlook("usd", Fraction(50), Fraction(100))
    raised = alerts_of(budget, "2026-11", spent, when)
    assert [alert.threshold for alert in raised] == [thresholds[0], thresholds[2]]
    assert [alert.found for alert in raised] == [Money("usd", 5000), Money("usd", 10000)]
    below = Outlook("usd", Fraction(4999, 100), Fraction(9999, 100))
    assert alerts_of(budget, "2026-11", below, when) == []
    again = alerts_of(budget, "2026-11", spent, when)
    assert [alert.name for alert in again] == [alert.name for alert in raised]
    december = alerts_of(budget, "2026-12", spent, when)
    assert {alert.name for alert in december}.isdisjoint(alert.name for alert in raised)
