"""What should stand for an organization, given its order and what was heard of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.provisioner import naming
from services.provisioner.compare import matches
from services.provisioner.domain import (
    JsonObject,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    Tenant,
)
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization import annotations, hard
from services.provisioner.organization.amounts import Amounts, read
from services.provisioner.organization.manifests import (
    Maker,
    annotated,
    capacity_of,
    hierarchical_ref,
    is_managed,
    limits_ref,
    organization_ref,
    quota_ref,
)
from services.provisioner.organization.seen import Seen
from services.provisioner.organization.settings import BackendChoice, OrganizationSettings


@dataclass(frozen=True, slots=True)
class Desired:
    """What should stand.

    ``hard`` is for the whole organization. Without ``hierarchical`` it is divided among the
    ``namespaces``; ``ending`` ones keep what they use of it. ``limits`` are the LimitRanges,
    ``caps`` what single namespaces may use at most by quotas of their own. ``shut`` are the
    namespaces that are to take no new public address.
    """

    maker: Maker
    organization: str
    hard: Amounts
    hierarchical: bool
    namespaces: tuple[str, ...]
    ending: tuple[str, ...]
    limits: tuple[JsonObject, ...]
    annotated: JsonObject
    caps: Mapping[str, Amounts]
    shut: frozenset[str]

    def keeps(self, ref: Ref) -> bool:
        """Tell whether an object of ours should stand, or goes with its namespace."""
        if ref.namespace in self.ending:
            return True
        if ref == hierarchical_ref(self.organization):
            return self.hierarchical
        if ref == quota_ref(ref.namespace):
            return not self.hierarchical and ref.namespace in self.namespaces
        return any(section(item, "metadata")["namespace"] == ref.namespace for item in self.limits)


def desired(
    tenant: Tenant, capacity: OrganizationCapacity, seen: Seen, settings: OrganizationSettings
) -> Desired:
    """Return what should stand for an organization that has a plan."""
    maker, name = Maker.of(tenant), tenant.order.organization
    projects = seen.open_projects
    hierarchical = seen.hierarchical_served and settings.backend is BackendChoice.AUTO
    everywhere = (name, *(project.namespace for project in projects))
    bounded = [maker.limits(one, capacity.container) for one in _limited(hierarchical, everywhere)]
    running = tenant.order.phase is OrderedPhase.RUNNING
    return Desired(
        maker=maker,
        organization=name,
        hard=hard.running(capacity, len(projects), settings)
        if running
        else hard.suspended(capacity, settings),
        hierarchical=hierarchical,
        namespaces=everywhere,
        ending=tuple(project.namespace for project in seen.projects if project.ending),
        limits=tuple(item for item in bounded if item is not None),
        annotated=annotated(tenant, annotations.wanted(tenant.order)),
        caps={
            namespace: read(section(live.content, "spec", "hard"))
            for namespace, live in seen.project_quotas.items()
        },
        shut=_shut(tenant.order, capacity, seen, everywhere),
    )


def takes_no_address(order: Order, capacity: OrganizationCapacity, seen: Seen) -> bool:
    """Tell whether the organization gets no new public address: not paid, or all are in use."""
    if order.phase is not OrderedPhase.RUNNING:
        return True
    allowed = capacity.public_ips
    return allowed is not None and seen.public_ips >= allowed


def _shut(
    order: Order, capacity: OrganizationCapacity, seen: Seen, everywhere: tuple[str, ...]
) -> frozenset[str]:
    if takes_no_address(order, capacity, seen):
        return frozenset(everywhere)
    # What is in use where nothing was heard of was not counted: who is shut stays so until then.
    return seen.shut.intersection(everywhere) if seen.unheard else frozenset()


def cleared(tenant: Tenant) -> JsonObject:
    """Return what the Organization should say when there is no quota any more."""
    over = tenant.closed and capacity_of(tenant) is not None
    return annotated(tenant, annotations.wanted(tenant.order) if over else {})


def stale_annotations(wanted: JsonObject, live: Live) -> list[str]:
    """Return the annotations that say what is not so any more, whoever wrote them."""
    should = section(wanted, "metadata", "annotations")
    stands = section(live.content, "metadata", "annotations")
    return [key for key in annotations.KEYS if key in stands and key not in should]


def says(wanted: JsonObject, live: Live | None) -> bool:
    """Tell whether the Organization says what it should, and nothing else of the subscription."""
    if live is None or stale_annotations(wanted, live):
        return False
    return matches(section(wanted, "metadata"), section(live.content, "metadata"))


def own_limits(seen: Seen) -> list[str]:
    """Return the namespaces whose LimitRange is a person's own, and left alone."""
    return sorted(namespace for namespace, live in seen.limits.items() if not is_managed(live))


def ours(tenant: Tenant, objects: Mapping[Ref, Live], seen: Seen) -> dict[Ref, Live]:
    """Return every object that holds a quota of this tenant, wherever it stands."""
    found = {
        ref: live
        for ref, live in objects.items()
        if ref == quota_ref(ref.namespace)
        or (ref == limits_ref(ref.namespace) and is_managed(live))
    }
    live = seen.hierarchical
    if live is not None and is_of(tenant, live):
        found[live.ref] = live
    return found


def everywhere(tenant: Tenant, seen: Seen) -> list[Ref]:
    """Return what names every object that may hold a quota of this tenant, heard of or not."""
    name = tenant.order.organization
    places = [name, *(project.namespace for project in seen.projects)]
    found = [ref(place) for place in places for ref in (quota_ref, limits_ref)]
    return [*found, hierarchical_ref(name)] if seen.hierarchical_served else found


def is_of(tenant: Tenant, live: Live) -> bool:
    """Tell whether an object was made for this tenant, and is not a person's own by now."""
    if live.ref.kind == "LimitRange" and not is_managed(live):
        return False
    return live.label(naming.LABEL_TENANT) == tenant.id


def owner_of(live: Live) -> str:
    """Return the account that an Organization says it is paid by; empty if nobody does."""
    paid = live.annotation(annotations.PLAN_ID)
    return live.annotation(naming.ANNOTATION_ACCOUNT) if paid else ""


def organization_of(tenant: Tenant) -> Ref:
    """Return what names the tenant's organization."""
    return organization_ref(tenant.order.organization)


def _limited(hierarchical: bool, everywhere: tuple[str, ...]) -> tuple[str, ...]:
    # A hierarchical quota asks for requests nowhere but at the organization's own admission.
    return everywhere[:1] if hierarchical else everywhere
