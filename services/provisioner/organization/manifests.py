"""The objects that hold an organization's quota."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.provisioner import isolation, naming
from services.provisioner.domain import ContainerLimits, JsonObject, OrganizationCapacity, Tenant
from services.provisioner.objects import Live, Ref
from services.provisioner.organization import annotations
from services.provisioner.organization.amounts import Amounts, spelled
from services.provisioner.stamp import Stamp

ORGANIZATION_VERSION = "kube-dc.com/v1"
HIERARCHICAL_VERSION = "hnc.x-k8s.io/v1alpha2"
HIERARCHICAL = "HierarchicalResourceQuota"
_COMPONENT = "organization"


def organization_ref(name: str) -> Ref:
    """Return what names an organization: its namespace is called as itself."""
    return Ref(ORGANIZATION_VERSION, "Organization", name, name)


def quota_ref(namespace: str) -> Ref:
    """Return what names a namespace's part of the quota."""
    return Ref("v1", "ResourceQuota", namespace, naming.PLAN_QUOTA)


def hierarchical_ref(organization: str) -> Ref:
    """Return what names the quota over all of the organization at once."""
    return Ref(HIERARCHICAL_VERSION, HIERARCHICAL, organization, naming.PLAN_QUOTA)


def limits_ref(namespace: str) -> Ref:
    """Return what names the bounds of containers in a namespace."""
    return Ref("v1", "LimitRange", namespace, naming.DEFAULT_LIMITS)


def is_managed(live: Live) -> bool:
    """Tell whether an object is managed by billing, and not a person's own."""
    return live.label(annotations.AUTO_MANAGED) == "true"


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the objects of one tenant's order."""

    tenant_id: str
    stamp: Stamp

    @classmethod
    def of(cls, tenant: Tenant) -> "Maker":
        """Make objects for this tenant's order."""
        return cls(tenant.id, Stamp(tenant.id, tenant.order.organization, tenant.order))

    def quota(self, ref: Ref, hard: Amounts) -> JsonObject:
        """Return a quota, native or hierarchical."""
        return self._managed(ref, {"spec": {"hard": spelled(hard)}})

    def limits(self, namespace: str, container: ContainerLimits) -> JsonObject | None:
        """Return the bounds of containers, None if there are none."""
        items = isolation.bounds(container)
        if not items:
            return None
        return self._managed(limits_ref(namespace), {"spec": {"limits": items}})

    def _managed(self, ref: Ref, content: JsonObject) -> JsonObject:
        labels = {
            annotations.AUTO_MANAGED: "true",
            annotations.PLAN_ID: naming.label_value(annotations.short(self.stamp.order.plan)),
        }
        return self.stamp.manifest(ref, _COMPONENT, content, labels=labels)


def annotated(tenant: Tenant, wanted: Mapping[str, str]) -> JsonObject:
    """Return what we say of the Organization: its annotations, and nothing else."""
    ref = organization_ref(tenant.order.organization)
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "annotations": {**wanted, **annotations.stamps(tenant.order)},
        },
    }


def capacity_of(tenant: Tenant) -> OrganizationCapacity | None:
    """Return the capacity that is ordered for the organization, None for no quota."""
    capacity = tenant.order.capacity
    return capacity if isinstance(capacity, OrganizationCapacity) else None


def is_organization(tenant: Tenant) -> bool:
    """Tell whether this tenant is an organization, or was and has to be cleaned up after."""
    kinds = (tenant.order.capacity, tenant.standing)
    return any(isinstance(capacity, OrganizationCapacity) for capacity in kinds)
