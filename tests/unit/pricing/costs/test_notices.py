"""What is told of a budget: what was passed, until the month ends or the budget changes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.money import Money
from services.pricing.costs import convert
from services.pricing.costs.budgets import Alert, Basis, Budget, Threshold
from services.pricing.costs.domain import CostFilter
from services.pricing.costs.notices import Notice, Passed, next_notice, taken_back
from services.subscription import convert as subscription
from services.subscription.noticing import BudgetNotice

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HALF, MOST, ALL = (
    Threshold(50, Basis.SPENT),
    Threshold(80, Basis.FORECAST),
    Threshold(100, Basis.SPENT),
)
BUDGET = Budget(
    "bud_1",
    "Ours",
    CostFilter(organization="acme", plan="kube-dc/dev"),
    Money("usd", 10_000),
    (HALF, MOST, ALL),
    NOW,
    NOW,
    revision=3,
)


def reached(*thresholds: Threshold, month: str = "2026-11", found: int = 9_000) -> list[Alert]:
    return [
        Alert("alr_1", BUDGET.name, month, one, BUDGET.amount, Money("usd", found), NOW)
        for one in thresholds
    ]


def told(*thresholds: Threshold) -> Notice:
    """What is told of the budget once these were reached."""
    notice = next_notice(BUDGET, "2026-11", reached(*thresholds), None)
    assert notice is not None
    return notice


def test_what_is_reached_is_told_once_rising_by_percent() -> None:
    first = told(MOST, HALF)
    assert [one.threshold for one in first.passed] == [HALF, MOST]
    assert (first.revision, first.budget_revision, first.month) == (1, 3, "2026-11")
    assert next_notice(BUDGET, "2026-11", reached(HALF, MOST, found=9_500), first) is None


def test_what_was_passed_stays_told_though_less_is_expected_by_then() -> None:
    first = told(MOST)
    assert next_notice(BUDGET, "2026-11", [], first) is None
    second = next_notice(BUDGET, "2026-11", reached(HALF, found=9_100), first)
    assert second is not None
    assert second.revision == 2
    assert second.passed == (Passed(HALF, Money("usd", 9_100), NOW), first.passed[0])


def test_a_new_month_begins_with_nothing_and_that_is_not_told() -> None:
    first = told(MOST)
    assert next_notice(BUDGET, "2026-12", [], first) is None
    second = next_notice(BUDGET, "2026-12", reached(ALL, month="2026-12"), first)
    assert second is not None
    assert (second.revision, [one.threshold for one in second.passed]) == (2, [ALL])


def test_what_was_told_of_another_state_of_the_budget_is_taken_back() -> None:
    first, changed = told(MOST), replace(BUDGET, revision=4, display_name="Renamed")
    back = taken_back(first)
    assert back == replace(first, revision=2, passed=())
    assert taken_back(back) is None
    assert taken_back(None) is None
    assert next_notice(changed, "2026-11", [], back) is None
    # An older version of pricing changes budgets and takes nothing back.
    late = next_notice(changed, "2026-11", [], first)
    assert late is not None
    assert (late.revision, late.passed, late.display_name) == (2, (), "Renamed")
    again = next_notice(changed, "2026-11", reached(MOST), back)
    assert again is not None
    assert (again.revision, again.budget_revision) == (3, 4)


def test_a_budget_that_is_nobodys_is_told_to_nobody() -> None:
    everybodys = replace(BUDGET, filter=CostFilter(plan="kube-dc/dev", region="eu"))
    assert next_notice(everybodys, "2026-11", reached(ALL), None) is None
    # Its account was taken out of the filter.
    late = next_notice(everybodys, "2026-11", reached(ALL), told(MOST))
    assert late is None or late.passed == ()


def test_subscription_reads_what_pricing_tells() -> None:
    notice = told(HALF, MOST)
    fact = convert.notice_fact(notice)
    assert (fact.key, fact.destinations) == ("budget:bud_1", ("subscription",))
    assert fact.id == convert.notice_fact(notice).id
    assert fact.id != convert.notice_fact(replace(notice, revision=2)).id
    assert convert.decode_notice(1, 3, fact.payload) == notice
    read = subscription.from_record(fact)
    assert isinstance(read, BudgetNotice)
    assert (read.budget, read.revision, read.organization, read.user) == ("bud_1", 1, "acme", "")
    assert [(one.percent, one.basis.value) for one in read.passed] == [
        (50, "SPENT"),
        (80, "FORECAST"),
    ]
    assert {str(one.found) for one in read.passed} == {"90.00 USD"}
    assert subscription.source_of(fact.type) == "pricing"


@pytest.mark.parametrize(
    ("revision", "payload"), [(0, b""), (1, b""), (1, b"\xff"), (1, b"\n\x05bud_1")]
)
def test_what_is_no_notice_is_refused_for_good(revision: int, payload: bytes) -> None:
    fact = FactRecord("fct_1", "budget:bud_1", revision, convert.ALERTED, payload)
    with pytest.raises(InvalidArgument):
        subscription.from_record(fact)
