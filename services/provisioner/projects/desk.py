"""The verbs of projects' quotas: look, cap, lift.

What is asked for is written down before the cluster is asked: an answer that gets lost must not
hide who changed what. The write itself is pinned to what was read, so of two admins who change
different caps at once neither undoes the other. A call that was cut off is asked again with the
same key, and does the same once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.chassis.clock import Clock
from services.chassis.identity import Principal
from services.provisioner.domain import JsonObject
from services.provisioner.errors import ClusterUnavailable, OrganizationsNotServed
from services.provisioner.objects import Live, section
from services.provisioner.organization.amounts import Amounts
from services.provisioner.organization.desired import desired
from services.provisioner.organization.manifests import quota_ref as plan_ref
from services.provisioner.organization.quota import planned
from services.provisioner.organization.seen import Project, Seen
from services.provisioner.organization.ways import Ways
from services.provisioner.ports import Audited, Cluster, OnceScope, Store, Transactions, View
from services.provisioner.projects import rights
from services.provisioner.projects.quota import (
    ProjectQuota,
    Wish,
    checked,
    merged,
    quota_ref,
    texts,
)
from services.provisioner.projects.writing import Writing

_SET, _TAKEN = "set-project-quota", "delete-project-quota"


class _NotAnswered(Exception):  # noqa: N818 - reads as what it is
    """Rolls a look at an idempotency key back that was not used yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """A project that the caller may work with, and what was heard of its organization."""

    organization: str
    project: Project
    seen: Seen


@dataclass(frozen=True, slots=True)
class ProjectQuotas:
    """Projects' quotas as people ask for them."""

    tx: Transactions[Store]
    cluster: Cluster
    view: View
    ways: Ways
    clock: Clock

    async def get(self, who: Principal, organization: str, project: str) -> ProjectQuota:
        """Return what bounds a project that the caller has access to.

        Raises ProjectNotFound, NamespaceDenied, OrganizationsNotServed, ClusterUnavailable.
        """
        place = self._find(who, organization, project)
        return await self._shown(place, await self._writing(place).read())

    async def update(
        self, who: Principal, wish: Wish, once: OnceScope, *, validate_only: bool = False
    ) -> ProjectQuota:
        """Set and lift caps, and return what then bounds the project.

        Raises what ``get`` raises, PermissionDenied, InvalidArgument, QuotaExceeded,
        ProjectQuotaForbidden, and ObjectChanged if others keep writing.
        """
        place = self._find(who, wish.organization, wish.project, changes=True)
        caps = checked(wish, await self._allowed(place))
        writing = self._writing(place)
        if validate_only:
            live = await writing.read()
            hard = merged(live, caps)
            return replace(await self._shown(place, live), hard=hard, set=bool(hard))
        if not await self._is_answered(once):
            told = {name: "none" if text is None else text for name, text in caps.items()}
            await self._note(place, once.actor, _SET, told)
            await writing.cap(caps)
            await self._answered(place, once)
        return await self._shown(place, await writing.read())

    async def delete(
        self,
        who: Principal,
        organization: str,
        project: str,
        once: OnceScope,
        *,
        validate_only: bool = False,
    ) -> ProjectQuota:
        """Take a project's own quota away, and return what then bounds it; raises as ``update``."""
        place = self._find(who, organization, project, changes=True)
        writing = self._writing(place)
        if validate_only:
            return await self._shown(place, None)
        if not await self._is_answered(once):
            await self._note(place, once.actor, _TAKEN, {})
            await writing.remove()
            await self._answered(place, once)
        return await self._shown(place, await writing.read())

    def _find(
        self, who: Principal, organization: str, project: str, *, changes: bool = False
    ) -> Place:
        rights.check_member(who, organization, project)
        if changes:
            rights.check_changes(who)
        if not (self.view.ready and self.ways.view.ready):
            raise ClusterUnavailable("The cluster was not heard of yet.")
        seen = self.ways.view.look(organization)
        if not seen.served:
            raise OrganizationsNotServed("The cluster has no organizations.")
        found = next((one for one in seen.open_projects if one.name == project), None)
        # Who may not enter is not told whether it is there.
        rights.check_enters(who, f"{organization}-{project}" if found is None else found.namespace)
        if found is None or seen.organization is None:
            raise rights.unknown(project)
        return Place(organization, found, seen)

    def _writing(self, place: Place) -> Writing:
        ref = quota_ref(place.project.namespace, self.ways.settings.project_quota)
        return Writing(self.cluster, place.organization, place.project.name, ref, self.clock)

    async def _allowed(self, place: Place) -> Amounts:
        governs = await planned(self.tx, place.organization)
        if governs is None:
            return {}
        return desired(*governs, place.seen, self.ways.settings).hard

    async def _shown(self, place: Place, live: Live | None) -> ProjectQuota:
        namespace, seen = place.project.namespace, place.seen
        governs = await planned(self.tx, place.organization)
        objects = self.view.objects(governs[0].id) if governs else {}
        plan = objects.get(plan_ref(namespace)) or seen.inherited.get(namespace)
        return ProjectQuota(
            organization=place.organization,
            project=place.project.name,
            namespace=namespace,
            set=live is not None and not live.deleting,
            hard=texts(live, "spec", "hard"),
            used=texts(live, "status", "used"),
            plan_hard=texts(plan, "spec", "hard"),
            plan_used=texts(plan, "status", "used"),
            limits=_items(seen.limits.get(namespace)),
        )

    async def _is_answered(self, once: OnceScope) -> bool:
        if not once.key:
            return False
        try:
            await self.tx.run(lambda store: store.once(once, _nothing))
        except _NotAnswered:
            return False
        return True

    async def _note(
        self, place: Place, actor: str, action: str, details: Mapping[str, str]
    ) -> None:
        entry = Audited(actor, action, place.project.namespace, "asked for", details)
        await self.tx.run(lambda store: store.audit(entry))

    async def _answered(self, place: Place, once: OnceScope) -> None:
        async def answer() -> str:
            return place.project.namespace

        await self.tx.run(lambda store: store.once(once, answer))


def _items(limits: Live | None) -> list[JsonObject]:
    found = None if limits is None else section(limits.content, "spec").get("limits")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


async def _nothing() -> str:
    raise _NotAnswered
