"""What the provisioner hears of its cluster, and the lease that it works under, in memory."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from services.provisioner import naming
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.addresses import FULL
from services.provisioner.organization.manifests import hierarchical_ref, organization_ref
from services.provisioner.organization.seen import Seen, is_public, project_of
from tests.fakes.provisioner import MemoryCluster

_WORKLOADS = ("Deployment", "StatefulSet", "CronJob")


@dataclass
class MemoryView:
    """What was heard of a MemoryCluster: all of it, or what was heard before it was frozen."""

    cluster: MemoryCluster
    ready: bool = True
    frozen: dict[Ref, Live] | None = None

    def objects(self, tenant_id: str) -> Mapping[Ref, Live]:
        known = self.frozen if self.frozen is not None else self._all()
        return {
            ref: live for ref, live in known.items() if live.label(naming.LABEL_TENANT) == tenant_id
        }

    async def told(
        self, tenant_id: str, written: Mapping[Ref, str], seconds: float
    ) -> Mapping[Ref, Live]:
        if not self.ready or self.frozen is not None:
            return {}
        heard = self.objects(tenant_id)
        return {ref: heard[ref] for ref in written if ref in heard}

    def freeze(self) -> None:
        """Hear nothing from now on."""
        self.frozen = self._all()

    def _all(self) -> dict[Ref, Live]:
        return {ref: Live(ref, deepcopy(one)) for ref, one in self.cluster.stored.items()}


@dataclass
class MemoryOrganizations:
    """What was heard of the organizations of a MemoryCluster: all of it, at once.

    But for projects in namespaces that are ``unheard``.
    """

    cluster: MemoryCluster
    ready: bool = True
    served: bool = True
    hierarchical_served: bool = False
    unheard: set[str] = field(default_factory=set)

    def look(self, name: str) -> Seen:
        heard = [
            one for one in self.cluster.of_kind("Namespace") if one.ref.name not in self.unheard
        ]
        told = [project_of(live) for live in heard]
        projects = sorted(one[1] for one in told if one is not None and one[0] == name)
        places = {name, *(project.namespace for project in projects)}
        limits = self.cluster.of_kind("LimitRange")
        return Seen(
            served=self.served,
            hierarchical_served=self.hierarchical_served,
            organization=self.cluster.read(organization_ref(name)) if self.served else None,
            projects=projects,
            public_ips=sum(
                is_public(live) and live.ref.namespace in places
                for live in self.cluster.of_kind("EIp")
            ),
            limits={
                live.ref.namespace: live
                for live in limits
                if live.ref.namespace in places and live.ref.name == naming.DEFAULT_LIMITS
            },
            hierarchical=self.cluster.read(hierarchical_ref(name))
            if self.hierarchical_served
            else None,
            project_quotas={
                live.ref.namespace: live
                for live in self.cluster.of_kind("ResourceQuota")
                if live.ref.namespace in places and live.ref.name == naming.PROJECT_QUOTA
            },
            resting=frozenset(
                live.ref.namespace
                for kind in _WORKLOADS
                for live in self.cluster.of_kind(kind)
                if live.ref.namespace in places and live.label(naming.LABEL_RESTING)
            ),
            shut=frozenset(
                live.ref.name
                for live in self.cluster.of_kind("Namespace")
                if live.ref.name in places and live.label(naming.LABEL_PUBLIC_ADDRESSES) == FULL
            ),
        )


@dataclass
class MemoryLease:
    """A lease with so many seconds left."""

    left: float = 30.0

    def remaining(self) -> float:
        return self.left
