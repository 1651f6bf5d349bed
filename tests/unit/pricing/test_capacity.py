"""Add-ons enlarge a plan's quota, exactly, in the plan's own units."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis import quantities
from services.pricing.capacity import ContainerLimits, Namespace, NotEnlargeable, Nothing, enlarged


def namespace(quota: dict[str, str]) -> Namespace:
    return Namespace(quota, ContainerLimits(), None, 0, None)


def test_an_addon_is_added_as_often_as_it_was_bought() -> None:
    base = namespace({"cpu": "8", "memory": "24Gi", "pods": "200"})
    bigger = enlarged(base, [({"cpu": "2", "memory": "4Gi"}, 2), ({"cpu": "500m"}, 1)])
    assert isinstance(bigger, Namespace)
    assert bigger.quota == {"cpu": "12500m", "memory": "32Gi", "pods": "200"}
    assert base.quota["cpu"] == "8"


def test_what_the_quota_does_not_have_cannot_be_added_to() -> None:
    with pytest.raises(NotEnlargeable, match="no memory"):
        enlarged(namespace({"cpu": "1"}), [({"memory": "1Gi"}, 1)])


def test_a_plan_without_quota_cannot_be_enlarged() -> None:
    with pytest.raises(NotEnlargeable):
        enlarged(Nothing(), [({"cpu": "1"}, 1)])


QUANTITIES = st.builds(
    lambda number, suffix: f"{number}{suffix}",
    st.integers(0, 10_000),
    st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]),
)


@settings(deadline=None)  # a busy machine makes no price wrong
@given(QUANTITIES, QUANTITIES, st.integers(1, 1000))
def test_the_sum_of_quantities_is_exact(left: str, right: str, times: int) -> None:
    total = quantities.parse(left) + quantities.parse(right) * times
    assert quantities.parse(quantities.add(left, right, times)) == total


def test_two_spellings_of_one_amount_are_equal() -> None:
    assert quantities.equal("6.4Gi", "6871947673600m")
    assert quantities.equal("1", "1000m")
    assert not quantities.equal("6.4G", "6.4Gi")


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1GB", "--1", "1 Gi", "1e999", "9" * 70])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        quantities.parse(text)
