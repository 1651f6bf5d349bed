"""What an order may say: every bad field is found at once, and named by its path."""

import re
from collections.abc import Mapping
from decimal import Decimal

from services.chassis import quantities
from services.chassis.errors import Violations
from services.provisioner import naming
from services.provisioner.domain import (
    ContainerLimits,
    NamespaceCapacity,
    Order,
    OrganizationCapacity,
    Workload,
)

_ACCOUNT = re.compile(r"acc_[a-z0-9]{1,59}")
_PLAN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESOURCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9./_-]{0,125}[A-Za-z0-9])?")
_MOST_WARM = 1000
_LONGEST_SUBJECT = 255
_LONGEST_IMAGE = 512
_HIGHEST_PORT = 65535
_FINEST = Decimal("1e-9")
_RATIO = re.compile(r"\d{1,3}(?:\.\d{1,6})?")


def check(order: Order) -> None:
    """Raise InvalidArgument, naming every bad field, unless the order can be taken."""
    bad = Violations()
    if not _ACCOUNT.fullmatch(order.account):
        bad.add("account", "is an account's id, acc_ and up to 59 lower-case letters and digits")
    for field, value in (
        ("incarnation", order.incarnation),
        ("epoch", order.version.epoch),
        ("generation", order.version.generation),
    ):
        if value < 1:
            bad.add(field, "counts from 1")
    if not _PLAN.fullmatch(order.plan):
        bad.add("plan", "is <catalog>/<plan>")
    _check_owner(order, bad)
    if isinstance(order.capacity, NamespaceCapacity):
        _check_namespace(order.capacity, bad)
    if isinstance(order.capacity, OrganizationCapacity):
        _check_organization(order, order.capacity, bad)
    bad.raise_if_any()


def _check_owner(order: Order, bad: Violations) -> None:
    subject = order.owner_subject
    # Such users are the cluster's own components: nobody who pays is one of them.
    if subject.startswith("system:") or len(subject) > _LONGEST_SUBJECT or _unprintable(subject):
        bad.add(
            "owner_subject",
            f"is a person's subject, at most {_LONGEST_SUBJECT} characters, not system:…",
        )
    if len(order.organization) > _LONGEST_SUBJECT or _unprintable(order.organization):
        bad.add("organization", f"is at most {_LONGEST_SUBJECT} printable characters")


def _check_namespace(capacity: NamespaceCapacity, bad: Violations) -> None:
    where = "capacity.namespace"
    _check_quantities(f"{where}.quota", capacity.quota, bad)
    _check_container(f"{where}.container", capacity.container, bad)
    if not 0 <= capacity.warm_pool <= _MOST_WARM:
        bad.add(f"{where}.warm_pool", f"is 0 to {_MOST_WARM}")
    scale = capacity.autoscale
    if scale is not None:
        if scale.min < 1:
            bad.add(f"{where}.autoscale.min", "is at least 1")
        if scale.max < scale.min:
            bad.add(f"{where}.autoscale.max", "is at least min")
        if not 1 <= scale.cpu_percent <= 100:
            bad.add(f"{where}.autoscale.cpu_percent", "is 1 to 100")
        if capacity.workload is None:
            bad.add(f"{where}.workload", "is needed where there is an autoscaler")
    if capacity.workload is not None:
        _check_workload(f"{where}.workload", capacity.workload, bad)


def _check_organization(order: Order, capacity: OrganizationCapacity, bad: Violations) -> None:
    if not naming.is_organization(order.organization):
        bad.add("organization", "names an organization, which is called as its namespace")
    where = "capacity.organization"
    _check_quantities(f"{where}.quota", capacity.quota, bad)
    _check_quantities(f"{where}.overhead_per_project", capacity.overhead_per_project, bad)
    _check_quantities(f"{where}.suspended_quota", capacity.suspended_quota, bad)
    _check_container(f"{where}.container", capacity.container, bad)
    if not _RATIO.fullmatch(capacity.burst_ratio) or not Decimal(capacity.burst_ratio):
        bad.add(f"{where}.burst_ratio", "is a decimal above 0, at most 999, such as 1.5")
    if capacity.public_ips is not None and capacity.public_ips < 0:
        bad.add(f"{where}.public_ips", "is 0 or more")
    if capacity.object_storage_gb < 0:
        bad.add(f"{where}.object_storage_gb", "is 0 or more")


def _check_container(where: str, limits: ContainerLimits, bad: Violations) -> None:
    for field in ContainerLimits.__dataclass_fields__:
        _check_quantities(f"{where}.{field}", getattr(limits, field), bad)


def _check_workload(where: str, workload: Workload, bad: Violations) -> None:
    image = workload.image
    if not 0 < len(image) <= _LONGEST_IMAGE or _unprintable(image) or " " in image:
        bad.add(f"{where}.image", f"is an image reference of at most {_LONGEST_IMAGE} characters")
    if not 0 <= workload.port <= _HIGHEST_PORT:
        bad.add(f"{where}.port", f"is 0 to {_HIGHEST_PORT}")
    _check_quantities(f"{where}.requests", workload.requests, bad)
    _check_quantities(f"{where}.limits", workload.limits, bad)


def _check_quantities(where: str, values: Mapping[str, str], bad: Violations) -> None:
    for name, text in values.items():
        if not _RESOURCE.fullmatch(name):
            bad.add(f"{where}[{name!r}]", "is no name of a resource")
        if not _is_amount(text):
            bad.add(f"{where}[{name!r}]", "is a Kubernetes quantity, not negative")


def _is_amount(text: str) -> bool:
    try:
        amount = quantities.parse(text)
    except ValueError:
        return False
    # The cluster rounds anything finer, and would then never hold what was ordered.
    return amount >= 0 and amount % _FINEST == 0


def _unprintable(text: str) -> bool:
    return not text.isprintable()
