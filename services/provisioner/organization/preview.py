"""What an order would change for an organization, told from the cluster as it stands."""

from collections.abc import Mapping
from dataclasses import replace

from services.provisioner.domain import Tenant
from services.provisioner.ensure import together
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.isolation import namespace_ref
from services.provisioner.manifests import Part
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.desired import (
    cleared,
    desired,
    is_of,
    organization_of,
    ours,
    says,
)
from services.provisioner.organization.manifests import capacity_of, is_managed, quota_ref
from services.provisioner.organization.seen import Seen
from services.provisioner.organization.ways import Ways
from services.provisioner.organization.work import Work
from services.provisioner.organization.workloads import due
from services.provisioner.plan import Action, Change
from services.provisioner.ports import Cluster, View

_CALL = 5.0


async def changes(tenant: Tenant, cluster: Cluster, view: View, ways: Ways) -> list[Change]:
    """Return the changes, in the order in which they would be made; none while the organization
    is not there. Raises the cluster's refusals."""
    if not (view.ready and ways.view.ready):
        raise ClusterUnavailable("The cluster's organizations were not listed yet.")
    seen = ways.view.look(tenant.order.organization)
    heard = ours(tenant, view.objects(tenant.id), seen)
    capacity = capacity_of(tenant)
    if tenant.closed or capacity is None:
        gone = [Change(Action.DELETE, ref) for ref, live in heard.items() if is_of(tenant, live)]
        bound = seen.organization is not None and bool(tenant.uid)
        unsaid = bound and not says(cleared(tenant), seen.organization)
        woken = await _workloads(tenant, seen, cluster) if bound else []
        return [*gone, *woken, *_if(unsaid, Action.UPDATE, organization_of(tenant))]
    if seen.organization is None:
        return []
    work = Work(desired(tenant, capacity, seen, ways.settings), heard, seen)
    parts = _parts(work)
    live = await _live([part.ref for part in parts], cluster)
    work = replace(work, heard={**heard, **live})
    found = [
        Change(Action.UPDATE if part.ref in live else Action.CREATE, part.ref)
        for part in _parts(work)
        if not part.holds(live.get(part.ref)) and not _is_own(part, live)
    ]
    gone = [Change(Action.DELETE, orphan.ref) for orphan in work.orphans()]
    gone += [Change(Action.UPDATE, namespace_ref(one)) for one in work.misplaced()]
    unsaid = not says(work.want.annotated, seen.organization)
    found += [*gone, *await _workloads(tenant, seen, cluster)]
    return [*found, *_if(unsaid, Action.UPDATE, organization_of(tenant))]


async def _workloads(tenant: Tenant, seen: Seen, cluster: Cluster) -> list[Change]:
    """Return what would be put to rest or woken."""
    return [Change(Action.UPDATE, ref) for ref in await due(tenant, seen, cluster, _CALL)]


def _parts(work: Work) -> list[Part]:
    limits = [part for part, _ in work.limits()]
    if work.want.hierarchical:
        return [work.hierarchical, *limits]
    board = work.board
    return [
        *(_quota(work, namespace, amounts) for namespace, amounts in board.parts().items()),
        *limits,
    ]


def _quota(work: Work, namespace: str, amounts: Mapping[str, int]) -> Part:
    wanted = work.board.wanted(namespace, amounts)
    return Part(quota_ref(namespace), lambda _live: wanted)


def _is_own(part: Part, live: Mapping[Ref, Live]) -> bool:
    stands = live.get(part.ref)
    return part.ref.kind == "LimitRange" and stands is not None and not is_managed(stands)


async def _live(refs: list[Ref], cluster: Cluster) -> dict[Ref, Live]:
    found = await together([cluster.get(ref, timeout=_CALL) for ref in refs])
    return {live.ref: live for live in found if live is not None}


def _if(wanted: bool, action: Action, ref: Ref) -> list[Change]:
    return [Change(action, ref)] if wanted else []
