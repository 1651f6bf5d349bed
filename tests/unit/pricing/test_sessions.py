"""What sessions cost and leave: document 003's numbers, exactly."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.chassis.errors import InvalidArgument
from services.chassis.money import Money
from services.pricing import usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Interval
from services.pricing.errors import CatalogRejected, NoSessionRates, UnknownPlan
from services.pricing.sessions import margin, session_cost
from tests.fakes.pricing import MemoryPricingTransactions

TEXT = Path("deploy/catalogs/sessions.yaml").read_text()
CATALOG = parse_catalog(TEXT, "sessions.yaml")
WITHOUT_RATES = parse_catalog(Path("deploy/catalogs/kube-dc.yaml").read_text(), "kube-dc")
assert CATALOG.sessions is not None
RATES = CATALOG.sessions
FIVE_MINUTES = 300


@pytest.mark.parametrize(
    ("seconds", "blocks"), [(0, 0), (1, 1), (299, 1), (300, 1), (301, 2), (3600, 12)]
)
def test_each_block_that_was_begun_is_charged_whole(seconds: int, blocks: int) -> None:
    cost = session_cost(RATES, seconds)
    assert cost.blocks == blocks
    assert cost.charged == blocks * Decimal("0.01")
    assert cost.infrastructure == blocks * Decimal("0.002107")
    assert cost.margin == blocks * Decimal("0.007893")
    assert cost.credits == 1


def test_the_professional_plan_leaves_the_documents_margin_gross() -> None:
    found = margin(RATES, Money("usd", 4900), 5000)
    assert found.infrastructure == Decimal("10.535")
    assert found.gross == Decimal("38.465")
    assert found.share(found.gross) == Decimal("0.7850")
    # Net of a fee of 2.9 % and 0.30.
    assert found.provider_fees == Decimal("1.721")
    assert found.net == Decimal("36.744")
    assert found.share(found.net) == Decimal("0.7499")


def test_a_plan_that_costs_nothing_has_no_share_and_no_fees() -> None:
    found = margin(RATES, Money("usd", 0), 100)
    assert (found.gross, found.provider_fees) == (Decimal("-0.2107"), Decimal(0))
    assert found.share(found.gross) is None


def test_rates_say_nothing_of_another_currency() -> None:
    with pytest.raises(ValueError, match="eur"):
        margin(RATES, Money("eur", 100), 1)


async def sold() -> MemoryPricingTransactions:
    tx = MemoryPricingTransactions()
    assert await usecases.activate(tx, CATALOG, edited=False)
    return tx


async def test_every_price_of_every_plan_is_reckoned_with_what_its_credits_allow() -> None:
    _, found = await usecases.report_session_margins(await sold(), "sessions", [])
    told = [(one.plan, one.interval, one.margin.sessions) for one in found]
    assert told == [
        ("sessions/starter", Interval.MONTH, 0),
        ("sessions/professional", Interval.MONTH, 5000),
        ("sessions/professional", Interval.YEAR, 60_000),
        ("sessions/enterprise", Interval.MONTH, 50_000),
    ]


async def test_a_number_of_sessions_that_is_told_is_reckoned_with() -> None:
    asked = [("sessions/professional", 100)]
    _, found = await usecases.report_session_margins(await sold(), "sessions", asked)
    assert [one.margin.sessions for one in found] == [0, 100, 100, 50_000]


async def test_what_cannot_be_reckoned_is_refused() -> None:
    tx = await sold()
    twice = [("sessions/starter", 1), ("sessions/starter", -1)]
    with pytest.raises(InvalidArgument, match="stands twice"):
        await usecases.report_session_margins(tx, "sessions", twice)
    with pytest.raises(UnknownPlan):
        await usecases.report_session_margins(tx, "sessions", [("sessions/huge", 1)])
    with pytest.raises(InvalidArgument, match="duration_seconds"):
        await usecases.calculate_session_cost(tx, "sessions/starter", "", -1)
    await usecases.activate(tx, WITHOUT_RATES, edited=False)
    with pytest.raises(NoSessionRates):
        await usecases.calculate_session_cost(tx, "kube-dc/dev-pool", "", 1)


def test_rates_that_are_wrong_are_refused_with_their_line() -> None:
    for old, new, key in (
        ('charged: "0.01"', 'charged: "-0.01"', "sessions.charged"),
        ("block: 5m", "block: 0m", "sessions.block"),
        ("currency: usd", "currency: zzz", "sessions.currency"),
        ('share: "0.029"', 'share: "1.5"', "sessions.provider_fee.share"),
    ):
        text = TEXT.replace(old, new, 1)
        with pytest.raises(CatalogRejected) as refused:
            parse_catalog(text, "s.yaml")
        line = next(n for n, one in enumerate(text.splitlines(), 1) if new in one)
        assert refused.value.problems[0].startswith(f"s.yaml:{line}: {key}: ")


async def test_a_session_is_reckoned_by_the_version_that_is_named() -> None:
    tx = await sold()
    dearer = parse_catalog(TEXT.replace('charged: "0.01"', 'charged: "0.02"'), "s.yaml")
    await usecases.activate(tx, dearer, edited=True)
    name = "sessions/professional"
    now = await usecases.calculate_session_cost(tx, name, "", FIVE_MINUTES)
    then = await usecases.calculate_session_cost(tx, name, CATALOG.version, FIVE_MINUTES)
    assert (now.charged, then.charged) == (Decimal("0.02"), Decimal("0.01"))
