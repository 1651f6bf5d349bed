"""What an organization may use and uses, as the cluster was last heard to say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.provisioner.domain import (
    OrderedPhase,
    OrganizationCapacity,
    Scope,
    Tenant,
)
from services.provisioner.errors import (
    ClusterUnavailable,
    OrganizationNotFound,
    OrganizationsNotServed,
)
from services.provisioner.objects import Live, section
from services.provisioner.organization import hard
from services.provisioner.organization.amounts import read, spelled
from services.provisioner.organization.desired import desired, ours
from services.provisioner.organization.manifests import capacity_of, is_managed, is_organization
from services.provisioner.organization.seen import Seen
from services.provisioner.organization.settings import OrganizationSettings
from services.provisioner.organization.ways import Ways
from services.provisioner.organization.work import Work
from services.provisioner.ports import Store, Transactions, View


class Backend(StrEnum):
    """What enforces a quota; UNSPECIFIED: nothing, as no plan is ordered."""

    UNSPECIFIED = "UNSPECIFIED"
    NATIVE = "NATIVE"
    HIERARCHICAL = "HIERARCHICAL"


@dataclass(frozen=True, slots=True)
class ProjectUse:
    """What one project uses, and what its own quota object allows; by the cluster's names."""

    namespace: str
    name: str
    used: Mapping[str, str]
    hard: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OrganizationQuota:
    """The quota of an organization over its own namespace and all its projects.

    ``limits`` and ``used`` are by the names by which capacity is sold, ``hard`` by the cluster's.
    """

    organization: str
    backend: Backend = Backend.UNSPECIFIED
    plan: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    hard: Mapping[str, str] = field(default_factory=dict)
    public_ips_used: int = 0
    public_ips_limit: int | None = None
    limit_range: bool = False
    limit_range_managed: bool = False
    enforced: bool = False
    projects: tuple[ProjectUse, ...] = ()


async def get_organization_quota(
    tx: Transactions[Store], view: View, ways: Ways, scope: Scope, name: str
) -> OrganizationQuota:
    """Return an organization's quota.

    Raises OrganizationNotFound also for one that the caller may not know of,
    OrganizationsNotServed, and ClusterUnavailable while the cluster was not heard of.
    """
    if not (scope.everybody or (name and scope.organization == name)):
        raise _unknown(name)
    if not (view.ready and ways.view.ready):
        raise ClusterUnavailable("The cluster was not heard of yet.")
    seen = ways.view.look(name)
    if not seen.served:
        raise OrganizationsNotServed("The cluster has no organizations.")
    if seen.organization is None:
        raise _unknown(name)
    newest = await planned(tx, name)
    if newest is None:
        return _without_plan(name, seen)
    return _of_plan(*newest, seen, view, ways.settings)


async def planned(
    tx: Transactions[Store], organization: str
) -> tuple[Tenant, OrganizationCapacity] | None:
    """Return the tenant whose order governs an organization, with its plan's capacity; or None."""

    async def work(store: Store) -> list[Tenant]:
        tenants = await store.of_organizations([organization])
        return [one for one in tenants if is_organization(one)]

    newest = max(await tx.run(work), key=lambda tenant: tenant.version, default=None)
    capacity = None if newest is None else capacity_of(newest)
    if newest is None or capacity is None or newest.closed:
        return None
    return newest, capacity


def _of_plan(
    tenant: Tenant,
    capacity: OrganizationCapacity,
    seen: Seen,
    view: View,
    settings: OrganizationSettings,
) -> OrganizationQuota:
    heard = ours(tenant, view.objects(tenant.id), seen)
    work = Work(desired(tenant, capacity, seen, settings), heard, seen)
    quotas = work.quotas()
    running = tenant.order.phase is OrderedPhase.RUNNING
    left = spelled(hard.suspended(capacity, settings))
    return OrganizationQuota(
        organization=tenant.order.organization,
        backend=Backend.HIERARCHICAL if work.want.hierarchical else Backend.NATIVE,
        plan=tenant.order.plan,
        limits=dict(capacity.quota) if running else hard.sold_names(left),
        used=hard.sold_names(_sum(quotas, "status", "used")),
        hard=_sum(quotas, "spec", "hard"),
        public_ips_used=seen.public_ips,
        public_ips_limit=capacity.public_ips,
        limit_range=seen.limits.get(tenant.order.organization) is not None,
        limit_range_managed=_is_limited_by_us(tenant.order.organization, seen),
        enforced=work.enforced(),
        projects=_projects(seen, {live.ref.namespace: live for live in quotas}),
    )


def _without_plan(name: str, seen: Seen) -> OrganizationQuota:
    return OrganizationQuota(
        organization=name,
        public_ips_used=seen.public_ips,
        limit_range=seen.limits.get(name) is not None,
        limit_range_managed=_is_limited_by_us(name, seen),
        projects=_projects(seen, {}),
    )


def _is_limited_by_us(organization: str, seen: Seen) -> bool:
    live = seen.limits.get(organization)
    return live is not None and is_managed(live)


def _projects(seen: Seen, quotas: Mapping[str, Live]) -> tuple[ProjectUse, ...]:
    # Where the quota is hierarchical, what it was spread into tells what a project uses.
    stands = {**seen.inherited, **quotas}
    return tuple(
        ProjectUse(
            namespace=project.namespace,
            name=project.name,
            used=_sum(_only(stands.get(project.namespace)), "status", "used"),
            hard=_sum(_only(quotas.get(project.namespace)), "spec", "hard"),
        )
        for project in sorted(seen.projects)
    )


def _only(live: Live | None) -> list[Live]:
    return [] if live is None else [live]


def _sum(quotas: Iterable[Live], *path: str) -> dict[str, str]:
    total: dict[str, int] = {}
    for live in quotas:
        for name, amount in read(section(live.content, *path)).items():
            total[name] = total.get(name, 0) + amount
    return spelled(total)


def _unknown(name: str) -> OrganizationNotFound:
    return OrganizationNotFound(
        f"There is no organization {name!r}.", metadata={"organization": name}
    )
