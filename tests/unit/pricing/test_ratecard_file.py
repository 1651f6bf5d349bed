"""Rate card files: what is taken, and what is said about one that is not."""

from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from services.chassis.sharing import SharedRead
from services.pricing import usecases
from services.pricing.costing import DeploymentRequest, ResourceRequest
from services.pricing.errors import CatalogRejected
from services.pricing.ratecard_file import parse_rate_card, stored_rate_card
from services.pricing.usecases import Asker, PriceDesk
from services.pricing.worker import RateCardFile
from tests.fakes.chassis import ManualClock
from tests.fakes.pricing import MemoryPricingTransactions
from tests.unit.pricing.rate_cards import TEXT as DISCOUNTED

RATES = Path("deploy/rates/default.yaml")
GOOD = RATES.read_text()
CORE = DeploymentRequest([ResourceRequest("one", cpu="1")], duration_hours="1000")


async def core_costs(tx: MemoryPricingTransactions) -> str:
    desk = PriceDesk(tx, SharedRead(partial(usecases.card_in_force, tx)))
    return str((await usecases.calculate_price(desk, Asker("ada", trusted=False), CORE)).total)


def test_the_shipped_card_has_the_documents_rates() -> None:
    card = parse_rate_card(GOOD, "default.yaml")
    assert card.rates.cpu_core_hour == Decimal("0.048")
    assert card.rates.memory_gb_hour == Decimal("0.0067")
    assert card.rates.storage_gb_month == Decimal("0.10")
    assert dict(card.regions) == {
        "us-east-1": Decimal("1.0"),
        "us-west-2": Decimal("1.05"),
        "eu-west-1": Decimal("1.15"),
        "ap-southeast-1": Decimal("1.20"),
    }


def test_a_stored_version_reads_back_as_it_was() -> None:
    card = parse_rate_card(GOOD, "default.yaml")
    assert stored_rate_card(card.content) == card


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('cpu_core_hour: "0.048"', "cpu_core_hour: lots", "default.yaml:7: rates.cpu_core_hour"),
        ("default_region: us-east-1", "default_region: mars", "no region 'mars'"),
        ("currency: usd", "currency: xxx", "xxx"),
        ('none: "0"', 'none: "1"', "`none"),
        ("monitoring:", "storage:", "names a component already"),
        ("hours_per_month: 730", "hours_per_month: 0", "default.yaml:5: hours_per_month"),
        ('eu-west-1: "1.15"', 'eu-west-1: "-1"', "regions.eu-west-1"),
        ("quote_lifetime: 1h", "quote_lifetme: 1h", "is no key that is known here"),
    ],
)
def test_a_bad_card_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogRejected) as refused:
        parse_rate_card(GOOD.replace(old, new), "default.yaml")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('{above: "3000", off: "0.2"}', '{above: "1000", off: "0.2"}', "volume_discounts[0]"),
        (
            '{above: "3000", off: "0.2"}',
            '{above: "3000", off: "1.2"}',
            "card.yaml:13: volume_discounts[0].bands[1].off",
        ),
        ("of: cpu", "of: heat", "volume_discounts[0].of"),
        ("name: archive", "name: compute", "each has a name of its own"),
        ("  3: {partial", "  5: {partial", "commitments.5: is no key that is known here"),
        ('partial_upfront: "0.4"', 'partial_upfront: "1"', "commitments.partial_upfront"),
        ("partner: {off:", "partner: {of:", "account_tiers.partner"),
        ('TEN: {amount: "10.00"}', 'TEN: {amount: "1", off: "0.1"}', "coupons.TEN"),
        ("TEN: {", '"T E N": {', "letters, digits"),
        ("until: 2026-12-31", "until: 2026-13-31", "expected a day such as 2027-01-31"),
        ("clouds: [home]", "clouds: [mars]", "coupons.HOME.clouds: no cloud 'mars'"),
        ("cloud: home", "cloud: aws", "clouds: 'aws' is the card's own"),
        ("default_region: us-1", "default_region: north", "clouds.aws.default_region"),
        ('backup_plans: {none: "0"}', "backup_plans: {}", "clouds.metal.backup_plans"),
        ("currency: usd", "currency: usd\nrounding: down", "rounding"),
    ],
)
def test_a_bad_discount_or_cloud_is_refused_with_its_key(old: str, new: str, said: str) -> None:
    assert old in DISCOUNTED
    with pytest.raises(CatalogRejected) as refused:
        parse_rate_card(DISCOUNTED.replace(old, new), "card.yaml")
    assert said in str(refused.value)


def test_a_cloud_takes_from_the_card_what_it_leaves_out() -> None:
    card = parse_rate_card(DISCOUNTED, "card.yaml")
    aws, metal = card.clouds["aws"], card.clouds["metal"]
    assert (aws.backup_plans, aws.volume_discounts) == (card.backup_plans, ())
    assert aws.features == {"monitoring": Decimal(12)}
    assert (metal.rates, metal.features) == (card.rates, card.features)
    assert (metal.commitments, metal.volume_discounts) == (card.commitments, card.volume_discounts)
    assert stored_rate_card(card.content) == card


def test_the_shipped_samples_leave_the_documents_prices_alone() -> None:
    card = parse_rate_card(GOOD, "default.yaml")
    assert (card.volume_discounts, card.account_tiers) == ((), {})
    assert len(card.clouds) >= 2
    assert card.commitments
    assert card.coupons


async def test_an_edit_comes_into_force_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(GOOD)
    tx = MemoryPricingTransactions()
    rates = RateCardFile(file, tx, ManualClock())
    await rates.load()
    assert await core_costs(tx) == "48.00 USD"
    file.write_text(GOOD.replace('"0.048"', '"0.050"'))
    await rates.look()
    assert await core_costs(tx) == "50.00 USD"
    file.write_text("rates: none")
    with pytest.raises(CatalogRejected):
        await rates.look()
    await rates.look()
    assert await core_costs(tx) == "50.00 USD"


async def test_a_replica_that_still_reads_the_old_file_undoes_nothing(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(GOOD)
    new.write_text(GOOD.replace('"0.048"', '"0.050"'))
    tx = MemoryPricingTransactions()
    for file in (old, new, old):
        await RateCardFile(file, tx, ManualClock()).load()
    assert await core_costs(tx) == "50.00 USD"


async def test_a_bad_file_at_a_start_leaves_what_was_in_force_and_stops_the_first(
    tmp_path: Path,
) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text("rates: none")
    tx = MemoryPricingTransactions()
    with pytest.raises(CatalogRejected):
        await RateCardFile(file, tx, ManualClock()).load()
    file.write_text(GOOD)
    await RateCardFile(file, tx, ManualClock()).load()
    file.write_text("rates: none")
    await RateCardFile(file, tx, ManualClock()).load()
    assert await core_costs(tx) == "48.00 USD"
