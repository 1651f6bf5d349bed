"""What a deployment costs: document 000's tables, and what must hold for any."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis import quantities
from services.chassis.errors import InvalidArgument
from services.chassis.money import Money
from services.pricing.costing import (
    Cost,
    DeploymentRequest,
    ResourceRequest,
    calculate,
    checked,
)
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.sizes import cores, gigabytes

RATES = Path("deploy/rates/default.yaml")
CARD = parse_rate_card(RATES.read_text(), str(RATES))
WORDPRESS = ResourceRequest("wordpress", "2", "4", "5", 2)


def cost_of(asked: DeploymentRequest) -> Cost:
    return calculate(CARD, checked(CARD, asked))


def usd(text: str) -> Money:
    return Money("usd", int(Decimal(text) * 100))


def test_the_documents_example_costs_what_it_says() -> None:
    asked = DeploymentRequest([WORDPRESS], duration_hours="720", backup_plan="basic")
    cost = cost_of(asked)
    assert (cost.total, cost.monthly) == (usd("186.71"), usd("189.30"))
    assert cost.region == "us-east-1"
    assert [(part.component, part.amount) for part in cost.components] == [
        ("cpu", usd("138.24")),
        ("memory", usd("38.59")),
        ("storage", usd("0.99")),
        ("backup", usd("8.89")),
    ]


@pytest.mark.parametrize(
    ("asked", "monthly"),
    [
        (ResourceRequest("one", cpu="1"), "35.04"),
        (ResourceRequest("one", memory="1"), "4.89"),
        (ResourceRequest("one", storage="1"), "0.10"),
    ],
)
def test_one_unit_for_a_month_costs_its_rate(asked: ResourceRequest, monthly: str) -> None:
    assert cost_of(DeploymentRequest([asked])).total == usd(monthly)


@pytest.mark.parametrize(
    ("region", "total"),
    [
        ("us-east-1", "350.40"),
        ("us-west-2", "367.92"),
        ("eu-west-1", "402.96"),
        ("ap-southeast-1", "420.48"),
    ],
)
def test_a_region_multiplies_the_resource_cost(region: str, total: str) -> None:
    asked = DeploymentRequest([ResourceRequest("one", cpu="10")], region=region)
    assert cost_of(asked).total == usd(total)


@pytest.mark.parametrize(
    ("feature", "price"),
    [("monitoring", "10"), ("logging", "15"), ("ssl", "10"), ("load-balancer", "25")],
)
def test_a_feature_costs_its_price_a_month_in_any_region(feature: str, price: str) -> None:
    nothing = ResourceRequest("one")
    asked = DeploymentRequest([nothing], region="ap-southeast-1", features=(feature,))
    assert cost_of(asked).total == usd(price)
    half = cost_of(asked._replace(duration_hours="365"))
    assert half.total == Money("usd", int(Decimal(price) * 50))
    assert half.monthly == usd(price)


@pytest.mark.parametrize(
    ("plan", "total"), [("none", "100.00"), ("basic", "105.00"), ("premium", "115.00")]
)
def test_a_backup_plan_is_a_share_of_the_resource_cost(plan: str, total: str) -> None:
    asked = DeploymentRequest(
        [ResourceRequest("one", storage="1000")], backup_plan=plan, features=()
    )
    assert cost_of(asked).total == usd(total)


def test_a_size_with_a_suffix_means_what_it_says() -> None:
    def memory(size: str) -> Money:
        return cost_of(DeploymentRequest([ResourceRequest("one", memory=size)])).total

    assert memory("4") == memory("4Gi") == memory("4096Mi")
    assert memory("100G") < memory("100Gi")
    assert cost_of(DeploymentRequest([ResourceRequest("one", cpu="500m")])).total == usd("17.52")


def test_every_bad_field_is_named_at_once_with_what_would_be_right() -> None:
    asked = DeploymentRequest(
        [
            ResourceRequest("", cpu="-1", memory="lots", storage="2000Ti"),
            ResourceRequest("web", cpu="NaN", replicas=-1),
        ],
        region="mars-1",
        duration_hours="0",
        backup_plan="gold",
        features=("ssl", "ssl", "magic"),
    )
    with pytest.raises(InvalidArgument) as refused:
        checked(CARD, asked)
    fields = {violation.field: violation.description for violation in refused.value.fields}
    assert set(fields) == {
        "resources[0].type",
        "resources[0].cpu",
        "resources[0].memory",
        "resources[0].storage",
        "resources[1].cpu",
        "resources[1].replicas",
        "region",
        "duration_hours",
        "backup_plan",
        "features[1]",
        "features[2]",
    }
    assert "eu-west-1" in fields["region"]
    assert "premium" in fields["backup_plan"]


@pytest.mark.parametrize("hours", ["0", "-1", "87601", "NaN", "Infinity", "1e9", "x", "0.0000001"])
def test_a_duration_that_is_none_is_refused(hours: str) -> None:
    with pytest.raises(InvalidArgument, match="duration_hours"):
        checked(CARD, DeploymentRequest([WORDPRESS], duration_hours=hours))


def test_no_resource_and_too_many_are_refused() -> None:
    for count in (0, 1001):
        with pytest.raises(InvalidArgument, match="resources"):
            checked(CARD, DeploymentRequest([WORDPRESS] * count))


decimals = st.decimals(min_value=0, max_value=100, places=3).map(lambda amount: f"{amount:f}")
resources = st.builds(
    ResourceRequest,
    type=st.sampled_from(["wordpress", "webapp", "database"]),
    cpu=decimals,
    memory=decimals,
    storage=decimals,
    replicas=st.integers(1, 20),
)
deployments = st.builds(
    DeploymentRequest,
    resources=st.lists(resources, min_size=1, max_size=6),
    region=st.sampled_from(list(CARD.regions)),
    duration_hours=st.integers(1, 87_600).map(str),
    backup_plan=st.sampled_from(list(CARD.backup_plans)),
    features=st.lists(st.sampled_from(list(CARD.features)), unique=True).map(tuple),
    cloud=st.just(""),
    commitment=st.none(),
    coupon=st.just(""),
)


def exact(asked: DeploymentRequest, hours: Fraction) -> Fraction:
    """The formula once more, in fractions, as the document writes it."""
    per_month = CARD.hours_per_month
    total = Fraction(0)
    for one in asked.resources:
        hourly = (
            Fraction(one.cpu) * Fraction(CARD.rates.cpu_core_hour)
            + Fraction(one.memory) * Fraction(CARD.rates.memory_gb_hour)
            + Fraction(one.storage) * Fraction(CARD.rates.storage_gb_month) / per_month
        )
        total += hourly * one.replicas * hours * Fraction(CARD.regions[asked.region])
    total *= 1 + Fraction(CARD.backup_plans[asked.backup_plan])
    return total + sum(Fraction(CARD.features[f]) for f in asked.features) * hours / per_month


@settings(deadline=None)  # a busy machine makes no price wrong
@given(deployments)
def test_parts_add_up_to_the_total_and_the_total_is_rounded_once(asked: DeploymentRequest) -> None:
    cost = cost_of(asked)
    nothing = Money.zero("usd")
    assert sum((part.amount for part in cost.components), nothing) == cost.total
    assert sum((part.monthly for part in cost.components), nothing) == cost.monthly
    flat = [part for part in cost.components if part.component in CARD.features]
    by_resource = [each.amount for each in cost.resources] + [part.amount for part in flat]
    assert sum(by_resource, nothing) == cost.total
    for each in cost.resources:
        assert sum((part.amount for part in each.parts), nothing) == each.amount
        assert sum((part.monthly for part in each.parts), nothing) == each.monthly
    assert cost.total.minor_units == round(exact(asked, Fraction(asked.duration_hours)) * 100)
    assert cost.monthly.minor_units == round(exact(asked, Fraction(CARD.hours_per_month)) * 100)


@settings(deadline=None)  # a busy machine makes no price wrong
@given(deployments)
def test_no_part_is_off_by_a_whole_unit(asked: DeploymentRequest) -> None:
    for each, request in zip(cost_of(asked).resources, asked.resources, strict=True):
        alone = asked._replace(resources=[request], features=())
        share = exact(alone, Fraction(asked.duration_hours)) * 100
        assert abs(each.amount.minor_units - share) < len(each.parts)


def leaves(asked: DeploymentRequest, hours: Fraction) -> list[Fraction]:
    """What each part costs in cents, by fractions: the resources' in turn, then the features'."""
    found: list[Fraction] = []
    for one in asked.resources:
        times = one.replicas * Fraction(CARD.regions[asked.region]) * hours * 100
        parts = [
            Fraction(one.cpu) * Fraction(CARD.rates.cpu_core_hour) * times,
            Fraction(one.memory) * Fraction(CARD.rates.memory_gb_hour) * times,
            Fraction(one.storage)
            * Fraction(CARD.rates.storage_gb_month)
            * times
            / CARD.hours_per_month,
        ]
        if asked.backup_plan != "none":
            parts.append(sum(parts) * Fraction(CARD.backup_plans[asked.backup_plan]))
        found += parts
    months = hours / CARD.hours_per_month
    return found + [Fraction(CARD.features[name]) * months * 100 for name in asked.features]


def shared_out(amounts: list[Fraction]) -> list[int]:
    """Whole cents by largest remainder; of equal ones the first."""
    whole = [int(amount) for amount in amounts]
    left = round(sum(amounts)) - sum(whole)
    by_rest = sorted(range(len(amounts)), key=lambda at: (whole[at] - amounts[at], at))
    return [cents + (at in by_rest[:left]) for at, cents in enumerate(whole)]


@settings(deadline=None)  # a busy machine makes no price wrong
@given(deployments)
def test_every_part_is_what_fractions_say_to_the_last_cent(asked: DeploymentRequest) -> None:
    cost = cost_of(asked)
    parts = [part for each in cost.resources for part in each.parts]
    parts += [part for part in cost.components if part.component in CARD.features]
    assert [part.amount.minor_units for part in parts] == shared_out(
        leaves(asked, Fraction(asked.duration_hours))
    )
    assert [part.monthly.minor_units for part in parts] == shared_out(
        leaves(asked, Fraction(CARD.hours_per_month))
    )


@settings(deadline=None)  # a busy machine makes no price wrong
@given(deployments, st.integers(1, 5))
def test_the_price_grows_with_size_replicas_and_duration(
    asked: DeploymentRequest, more: int
) -> None:
    first = asked.resources[0]
    before = cost_of(asked).total
    larger = first._replace(cpu=f"{Decimal(first.cpu) + more:f}")
    assert cost_of(asked._replace(resources=[larger, *asked.resources[1:]])).total >= before
    again = first._replace(replicas=first.replicas + more)
    assert cost_of(asked._replace(resources=[again, *asked.resources[1:]])).total >= before
    hours = min(int(asked.duration_hours) + more, 87_600)
    assert cost_of(asked._replace(duration_hours=str(hours))).total >= before


@settings(deadline=None)  # a busy machine makes no price wrong
@given(st.sampled_from(list(CARD.regions)), st.integers(1, 20), st.integers(1, 87_600))
def test_nothing_costs_nothing(region: str, replicas: int, hours: int) -> None:
    nothing = ResourceRequest("one", replicas=replicas)
    asked = DeploymentRequest([nothing], region, str(hours), "premium")
    assert cost_of(asked).total == Money.zero("usd")


@settings(deadline=None)  # a busy machine makes no price wrong
@given(deployments, st.sampled_from(list(CARD.regions)))
def test_a_region_multiplies_what_resources_cost_and_nothing_else(
    asked: DeploymentRequest, region: str
) -> None:
    at_one = asked._replace(region="us-east-1", features=())
    hours = Fraction(asked.duration_hours)
    multiplied = exact(at_one, hours) * Fraction(CARD.regions[region])
    flat = sum(Fraction(CARD.features[name]) for name in asked.features) * hours
    cost = cost_of(asked._replace(region=region))
    assert cost.total.minor_units == round((multiplied + flat / CARD.hours_per_month) * 100)
    resources = sum(one.amount.minor_units for one in cost.resources)
    features = len(asked.features)
    # The cents that are shared out may go to either side.
    assert abs(resources - multiplied * 100) <= 4 * len(asked.resources) + features


@pytest.mark.parametrize("size", ["4", "4.0", "+4", "4.", "4e0", "40e-1", "4Gi", "4096Mi"])
def test_a_bare_number_of_memory_is_gibibytes_however_it_is_written(size: str) -> None:
    assert gigabytes(size) == 4


@pytest.mark.parametrize("size", ["٤", "４", "4_0", " 4", "4\n", "1e999999999", "NaN", "inf"])
def test_what_only_python_takes_for_a_number_is_no_size_and_no_duration(size: str) -> None:
    for read in (cores, gigabytes, quantities.parse):
        with pytest.raises(ValueError, match="expected"):
            read(size)
    asked = DeploymentRequest([WORDPRESS], duration_hours=size)
    with pytest.raises(InvalidArgument, match="duration_hours"):
        checked(CARD, asked)


def test_a_duration_that_would_fill_the_memory_is_refused_before_it_is_reckoned_with() -> None:
    # Below Python's least exponent its remainder by anything is 0, and a fraction of it is endless.
    asked = DeploymentRequest([WORDPRESS], duration_hours="1e-999999999")
    with pytest.raises(InvalidArgument, match="duration_hours"):
        checked(CARD, asked)


def test_a_size_of_forty_digits_is_taken_as_it_is_written() -> None:
    digits = "1.23456789012345678901234567890123456789"
    assert cores(digits) == Decimal(digits)
    assert gigabytes(digits[:-2] + "Gi") == Decimal(digits[:-2])
