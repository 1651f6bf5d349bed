"""What is sold, as hard limits of the cluster: amounts are compared, never texts."""

from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis import quantities
from services.provisioner.domain import OrganizationCapacity
from services.provisioner.organization import hard
from services.provisioner.organization.amounts import spelled
from services.provisioner.organization.settings import OrganizationSettings
from tests.unit.provisioner.organizations import PRO

CATALOG = yaml.safe_load(
    (Path(__file__).resolve().parents[3] / "deploy" / "catalogs" / "kube-dc.yaml").read_text()
)
PLANS = ("dev-pool", "pro-pool", "scale-pool")
ADDONS = ("", "turbo-x1", "turbo-x2")
AS_IS = OrganizationSettings()

# cores, GiB, GiB, pods: as the document's table has them.
SHIPPED = {
    "dev-pool": (4, 8, 60, 100),
    "pro-pool": (8, 24, 160, 200),
    "scale-pool": (16, 56, 320, 500),
    "": (0, 0, 0, 0),
    "turbo-x1": (2, 4, 20, 0),
    "turbo-x2": (4, 8, 40, 0),
}


def sold(plan: str, addon: str, times: int = 1) -> OrganizationCapacity:
    """Return a plan of the shipped catalog with an add-on, as pricing expands it."""
    provisions: dict[str, Any] = CATALOG["plans"][plan]["provisions"]
    quota = {name: str(amount) for name, amount in provisions["quota"].items()}
    for name, amount in (CATALOG["addons"][addon]["adds"] if addon else {}).items():
        quota[name] = quantities.add(quota[name], str(amount), times)
    return OrganizationCapacity(
        quota=quota,
        overhead_per_project={"cpu": "100m", "memory": "128Mi"},
        burst_ratio=provisions["burst_ratio"],
        suspended_quota={k: str(v) for k, v in provisions["suspended_quota"].items()},
    )


def amounts(hard_limits: dict[str, int]) -> dict[str, Decimal]:
    return {name: quantities.parse(text) for name, text in spelled(hard_limits).items()}


@pytest.mark.parametrize(
    ("plan", "addon", "projects"), list(product(PLANS, ADDONS, range(4))), ids=str
)
def test_quota_of_the_shipped_plans_and_addons_over_projects(
    plan: str, addon: str, projects: int
) -> None:
    found = amounts(hard.running(sold(plan, addon), projects, AS_IS))
    cores, memory, storage, pods = (
        one + more for one, more in zip(SHIPPED[plan], SHIPPED[addon], strict=True)
    )
    cpu = Decimal(cores) + Decimal("0.1") * projects
    ram = Decimal(memory) * 2**30 + Decimal(128) * 2**20 * projects
    assert found == {
        "requests.cpu": cpu,
        "limits.cpu": cpu,
        "requests.memory": ram,
        "limits.memory": ram,
        "requests.storage": Decimal(storage) * 2**30,
        "pods": Decimal(pods),
        "services.loadbalancers": Decimal(100),
    }


def test_the_example_of_the_wire_document() -> None:
    found = amounts(hard.running(sold("pro-pool", "turbo-x1"), 3, AS_IS))
    said = {"requests.cpu": "10300m", "requests.memory": "29056Mi", "requests.storage": "180Gi"}
    for name, text in said.items():
        assert found[name] == quantities.parse(text)


def test_an_addon_taken_twice_counts_twice() -> None:
    found = amounts(hard.running(sold("dev-pool", "turbo-x2", 2), 0, AS_IS))
    assert found["requests.cpu"] == 12
    assert found["requests.storage"] == 140 * 2**30


def test_only_limits_of_cpu_and_memory_are_multiplied_by_the_burst_ratio() -> None:
    capacity = OrganizationCapacity(
        quota={"cpu": "3", "memory": "1Gi", "storage": "10Gi", "pods": "7"}, burst_ratio="1.5"
    )
    found = amounts(hard.running(capacity, 2, AS_IS))
    assert (found["requests.cpu"], found["limits.cpu"]) == (Decimal(3), Decimal("4.5"))
    assert found["limits.memory"] == Decimal(3) * 2**29
    assert (found["requests.storage"], found["pods"]) == (
        Decimal(10 * 2**30),
        Decimal(7),
    )


def test_limits_that_do_not_come_out_even_are_never_more_than_sold() -> None:
    capacity = OrganizationCapacity(quota={"cpu": "1m", "memory": "1"}, burst_ratio="1.9")
    assert hard.running(capacity, 0, AS_IS) == {
        "requests.cpu": 1,
        "limits.cpu": 1,
        "requests.memory": 1,
        "limits.memory": 1,
    }


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_suspended_organization_has_the_suspended_plan_without_overhead_or_addons(
    ratio: int,
) -> None:
    settings = OrganizationSettings(suspended_limits_ratio=ratio)
    found = amounts(hard.suspended(sold("scale-pool", "turbo-x2"), settings))
    assert found == {
        "requests.cpu": Decimal("0.5"),
        "limits.cpu": Decimal("0.5") * ratio,
        "requests.memory": Decimal(2**30),
        "limits.memory": Decimal(2**30) * ratio,
        "requests.storage": Decimal(0),
        "pods": Decimal(10),
        "services.loadbalancers": Decimal(0),
    }


def test_what_the_suspended_plan_does_not_name_is_nothing_while_suspended() -> None:
    capacity = OrganizationCapacity(quota={"requests.nvidia.com/gpu": "4"}, suspended_quota={})
    found = hard.suspended(capacity, AS_IS)
    assert set(found.values()) == {0}
    assert {"requests.storage", "requests.nvidia.com/gpu", "pods"} <= set(found)


def test_the_number_of_projects_may_be_assumed() -> None:
    found = hard.running(PRO, 1, OrganizationSettings(projects_assumed=50))
    assert found["requests.cpu"] == 8000 + 50 * 100


def test_amounts_go_back_to_the_names_by_which_they_are_sold() -> None:
    shown = hard.sold_names(spelled(hard.running(PRO, 0, AS_IS)))
    assert shown == {
        "cpu": "8",
        "memory": "24Gi",
        "storage": "160Gi",
        "pods": "200",
        "services.loadbalancers": "100",
    }
