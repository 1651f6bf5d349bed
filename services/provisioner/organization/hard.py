"""What an organization may use: from what is sold to the hard limits of the cluster."""

from collections.abc import Mapping
from decimal import Decimal

from services.chassis import quantities
from services.provisioner.domain import OrganizationCapacity
from services.provisioner.organization.amounts import at_most
from services.provisioner.organization.settings import OrganizationSettings

REQUESTED: Mapping[str, tuple[str, str]] = {
    "cpu": ("requests.cpu", "limits.cpu"),
    "memory": ("requests.memory", "limits.memory"),
}
"""What is sold as one number, and bounds requests and limits."""

RENAMED: Mapping[str, str] = {"storage": "requests.storage"}
ALWAYS = ("cpu", "memory", "storage", "pods", "services.loadbalancers")
"""What is bounded while suspended, whatever the plan names."""


def running(
    capacity: OrganizationCapacity, projects: int, settings: OrganizationSettings
) -> dict[str, int]:
    """Return the limits of an organization in use, in units.

    Requests are plan and add-ons and the overhead of each project; limits are requests times the
    burst ratio. Storage, pods and load balancers are never multiplied.
    """
    counted = projects if settings.projects_assumed is None else settings.projects_assumed
    sold = {name: quantities.parse(text) for name, text in capacity.quota.items()}
    for name, text in capacity.overhead_per_project.items():
        # An overhead of what the plan does not bound would bound it.
        if name in sold:
            sold[name] += quantities.parse(text) * counted
    return _limits(sold, Decimal(capacity.burst_ratio))


def suspended(capacity: OrganizationCapacity, settings: OrganizationSettings) -> dict[str, int]:
    """Return the limits of a suspended organization: neither overhead nor add-ons.

    What the suspended quota does not name is 0, storage before all.
    """
    named = {name: quantities.parse(text) for name, text in capacity.suspended_quota.items()}
    left = dict.fromkeys((*ALWAYS, *capacity.quota), Decimal(0)) | named
    return _limits(left, Decimal(settings.suspended_limits_ratio))


def sold_names(hard: Mapping[str, str]) -> dict[str, str]:
    """Return amounts of the cluster under the names by which they are sold."""
    back = {names[0]: name for name, names in REQUESTED.items()}
    back |= {name: sold for sold, name in RENAMED.items()}
    return {
        back.get(name, name): text for name, text in hard.items() if not name.startswith("limits.")
    }


def _limits(sold: Mapping[str, Decimal], ratio: Decimal) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, amount in sold.items():
        if name in REQUESTED:
            requests, limits = REQUESTED[name]
            found[requests] = at_most(requests, amount)
            found[limits] = at_most(limits, amount * ratio)
        else:
            renamed = RENAMED.get(name, name)
            found[renamed] = at_most(renamed, amount)
    return found
