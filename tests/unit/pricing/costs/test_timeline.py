"""From observations to records, in whatever order they come."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pricing import capacity as c
from services.pricing.costs import usecases
from services.pricing.costs.domain import CostRecord, Observation, second_of
from services.pricing.costs.rating import CardHistory, Sizes, monthly_rate, sizes_of, standing
from services.pricing.costs.timeline import records, unknown_regions
from services.pricing.ratecard_file import parse_rate_card
from tests.fakes.pricing_costs import MemoryCostTransactions

CARD = parse_rate_card(Path("deploy/rates/default.yaml").read_text(), "default.yaml")
DEARER = parse_rate_card(
    Path("deploy/rates/default.yaml").read_text().replace('"0.048"', '"0.096"'), "dearer.yaml"
)
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
HISTORY = CardHistory([(second_of(NOON) - 86_400, CARD)])


def organization(cpu: int, memory: str = "8Gi") -> c.Organization:
    return c.Organization(
        quota={"cpu": str(cpu), "memory": memory, "storage": "60Gi"},
        overhead_per_project={},
        burst_ratio="1",
        container=c.ContainerLimits(),
        public_ips=None,
        object_storage_gb=0,
        suspended_quota={"cpu": "500m", "memory": "512Mi", "storage": "60Gi"},
    )


NAMESPACE = c.Namespace(
    quota={"pods": "50", "requests.memory": "6400M", "requests.storage": "10Gi"},
    container=c.ContainerLimits(),
    autoscale=c.Autoscale(5, 50, 70),
    warm_pool=3,
    workload=c.Workload("browser", requests={"cpu": "50m", "memory": "128M"}),
)


def seen(
    revision: int, after: float, capacity: c.Capacity | None, *, resting: bool = False
) -> Observation:
    """What was seen so many seconds after noon."""
    return Observation(
        tenant="ten_1",
        revision=revision,
        observe_time=NOON + timedelta(seconds=after),
        account="acc_1",
        plan="kube-dc/dev-pool",
        capacity=capacity,
        resting=resting,
        namespace="acme",
        organization="acme",
    )


def spans(found: list[CostRecord]) -> list[tuple[int, int | None]]:
    """Begin and end in seconds after noon."""
    noon = second_of(NOON)
    return [(one.begin - noon, None if one.end is None else one.end - noon) for one in found]


def test_create_resize_and_delete_make_two_records_exact_to_the_second() -> None:
    told = [
        seen(1, 0.9, None),
        seen(2, 5.7, organization(4)),
        seen(3, 3600.2, organization(8)),
        seen(4, 7205.999, None),
    ]
    found = records(told, HISTORY)
    assert spans(found) == [(5, 3600), (3600, 7205)]
    # 4 cores, 8 GB, 60 GB: 4 x 0.048 x 730 + 8 x 0.0067 x 730 + 60 x 0.10
    assert found[0].monthly_rate == Decimal("140.16") + Decimal("39.128") + 6
    assert found[0].cost(second_of(NOON) + 10**6) * 730 * 3600 == Decimal("185.288") * 3595
    assert [one.revision for one in found] == [2, 3]
    assert found[0].region == "us-east-1"


def test_what_says_the_same_again_begins_no_new_record() -> None:
    told = [seen(1, 0, organization(4)), seen(2, 60, organization(4)), seen(3, 90, None)]
    assert spans(records(told, HISTORY)) == [(0, 90)]


def test_what_stood_for_less_than_a_second_leaves_no_record() -> None:
    told = [seen(1, 0.1, organization(4)), seen(2, 0.9, None)]
    assert records(told, HISTORY) == []


def test_a_flash_of_another_size_does_not_cut_a_record_in_two() -> None:
    told = [
        seen(1, 0, organization(4)),
        seen(2, 9.1, organization(8)),
        seen(3, 9.8, organization(4)),
    ]
    assert spans(records(told, HISTORY)) == [(0, None)]


def test_a_late_observation_splits_what_stood() -> None:
    early = [seen(1, 0, organization(4)), seen(3, 100, None)]
    late = seen(2, 40, organization(8))
    assert spans(records(early, HISTORY)) == [(0, 100)]
    assert spans(records([*early, late], HISTORY)) == [(0, 40), (40, 100)]


def test_a_clock_that_was_behind_does_not_turn_time_around() -> None:
    told = [seen(1, 50, organization(4)), seen(2, 20, organization(8)), seen(3, 80, None)]
    assert spans(records(told, HISTORY)) == [(50, 80)]
    assert records(told, HISTORY)[0].capacity == organization(8)


def test_a_kind_without_objects_costs_nothing_and_has_no_record() -> None:
    assert records([seen(1, 0, c.Nothing({"storage": "5GB"}))], HISTORY) == []


def test_an_organization_at_rest_costs_what_its_plan_leaves_it() -> None:
    told = [seen(1, 0, organization(4)), seen(2, 60, organization(4), resting=True)]
    running, resting = records(told, HISTORY)
    assert (running.end, resting.end) == (resting.begin, None)
    assert sizes_of(resting.capacity).cpu == Decimal("0.5")
    assert resting.monthly_rate < running.monthly_rate


def test_a_namespace_at_rest_costs_what_it_stores() -> None:
    sizes = sizes_of(standing(seen(1, 0, NAMESPACE, resting=True)) or NAMESPACE)
    assert sizes == Sizes(storage=Decimal(10))


def test_a_namespace_without_a_bound_on_cores_costs_its_fewest_replicas() -> None:
    sizes = sizes_of(NAMESPACE)
    assert sizes.cpu == Decimal("0.250")
    assert sizes.memory * (1 << 30) == 6_400_000_000
    warm = replace(NAMESPACE, autoscale=None)
    assert sizes_of(warm).cpu == Decimal("0.150")


@pytest.mark.parametrize("capacity", [c.Tenant("chart", {}, True), c.Resource(("a.b/v1",), 5)])
def test_what_has_no_sizes_stands_in_a_record_that_costs_nothing(capacity: c.Capacity) -> None:
    (found,) = records([seen(1, 0, capacity)], HISTORY)
    assert found.monthly_rate == 0


def test_the_region_multiplies_and_an_unknown_one_costs_as_the_default() -> None:
    sizes = sizes_of(organization(4))
    base = monthly_rate(CARD, "us-east-1", sizes)
    assert monthly_rate(CARD, "eu-west-1", sizes) == base * Decimal("1.15")
    assert monthly_rate(CARD, "moon", sizes) == base
    told = [replace(seen(1, 0, organization(4)), region="moon")]
    assert unknown_regions(told, HISTORY) == {"moon"}
    assert records(told, HISTORY)[0].region == "moon"


def test_a_record_keeps_the_rate_card_that_was_in_force_when_it_began() -> None:
    history = CardHistory([(second_of(NOON) + 10, CARD), (second_of(NOON) + 50, DEARER)])
    told = [
        seen(1, 0, organization(4)),
        seen(2, 49, organization(8)),
        seen(3, 50, organization(16)),
    ]
    assert [one.rate_card_version for one in records(told, history)] == [
        CARD.version,
        CARD.version,
        DEARER.version,
    ]


def test_whose_it_was_is_taken_from_newer_observations_where_older_ones_do_not_tell() -> None:
    first = replace(seen(1, 0, organization(4)), organization="")
    told = [first, seen(2, 60, organization(4)), replace(seen(3, 90, None), organization="")]
    assert [one.organization for one in records([first], HISTORY)] == [""]
    assert [(one.organization, one.revision) for one in records(told, HISTORY)] == [("acme", 1)]


def test_a_new_plan_of_the_same_size_is_another_record() -> None:
    told = [
        seen(1, 0, organization(4)),
        replace(seen(2, 60, organization(4)), plan="kube-dc/other"),
    ]
    assert spans(records(told, HISTORY)) == [(0, 60), (60, None)]


_CAPACITIES = st.sampled_from(
    [None, organization(4), organization(8), NAMESPACE, c.Nothing(), organization(4, "16Gi")]
)
_OBSERVED = st.lists(
    st.builds(
        lambda after, capacity, resting, owner, region: (after, capacity, resting, owner, region),
        st.floats(0, 200, allow_nan=False),
        _CAPACITIES,
        st.booleans(),
        st.sampled_from(["", "acme"]),
        st.sampled_from(["", "eu-west-1"]),
    ),
    max_size=12,
)


@given(_OBSERVED, st.randoms(use_true_random=False))
async def test_any_order_and_any_repetition_of_the_facts_gives_the_same_records(
    drawn: list[tuple[float, c.Capacity | None, bool, str, str]], chance: random.Random
) -> None:
    told = [
        replace(seen(place, after, capacity, resting=rest), organization=owner, region=region)
        for place, (after, capacity, rest, owner, region) in enumerate(drawn, 1)
    ]
    delivered = told + chance.choices(told, k=len(told)) if told else []
    chance.shuffle(delivered)
    tx = MemoryCostTransactions()
    tx.state.cards = list(HISTORY.cards)
    for one in delivered:
        await usecases.take_observation(tx, one)
    expected = records(told, HISTORY)
    assert sorted(tx.state.records.values(), key=lambda one: one.begin) == expected
    for before, after in pairwise(expected):
        assert before.end is not None
        assert before.begin < before.end <= after.begin
