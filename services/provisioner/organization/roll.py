"""Calling the roll: which projects stand, asked of the API server and not of what was heard.

A watch may be minutes behind, and what was not heard of may stand all the same. So nothing grows
and nothing goes because there is no such project, before this was asked. What could make the sum
too large is never more than our own quotas, which carry their tenant's label: those are listed, and
the namespaces of such as are nowhere known are read. A namespace without any has no part yet, and
gets one when it is heard of.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from services.provisioner import naming
from services.provisioner.domain import Tenant
from services.provisioner.ensure import Hand, together
from services.provisioner.isolation import namespace_ref
from services.provisioner.objects import Live
from services.provisioner.organization.manifests import quota_ref
from services.provisioner.organization.seen import Project, Seen, project_of


class Unheard(Exception):  # noqa: N818 - it is no failure: the run goes on with what it tells
    """There is more of the organization than was heard of: ``projects`` and our ``quotas``."""

    def __init__(self, projects: Collection[Project], quotas: Collection[Live]) -> None:
        super().__init__([project.namespace for project in projects])
        self.projects = projects
        self.quotas = quotas

    def added(self, seen: Seen) -> Seen:
        """Return what was heard, and this."""
        new = frozenset(project.namespace for project in self.projects)
        return replace(seen, projects=(*seen.projects, *self.projects), unheard=seen.unheard | new)


@dataclass(frozen=True, slots=True)
class Roll:
    """Calls the roll of one tenant's organization, of which so much was heard."""

    hand: Hand
    tenant: Tenant
    seen: Seen

    async def call(self) -> None:
        """Raise Unheard if a quota of ours stands that the run does not reckon with.

        Superseded if it is of a newer order.
        """
        listed = await self.hand.cluster.list_labelled(
            "v1",
            "ResourceQuota",
            naming.LABEL_TENANT,
            self.tenant.id,
            timeout=self.hand.time(),
        )
        known = self.seen.places(self.tenant.order.organization)
        strays = [
            self.hand.fenced(live)
            for live in listed
            if live.ref == quota_ref(live.ref.namespace) and live.ref.namespace not in known
        ]
        if strays:
            raise Unheard(await self._projects(strays), strays)

    async def check(self, strays: Collection[Live]) -> None:
        """Raise Unheard if one of these objects stands in a project of the organization."""
        found = await self._projects(strays)
        if found:
            raise Unheard(found, ())

    async def _projects(self, strays: Collection[Live]) -> list[Project]:
        places = sorted({live.ref.namespace for live in strays})
        hand = self.hand
        read = await together(
            [hand.cluster.get(namespace_ref(one), timeout=hand.time()) for one in places]
        )
        told = [project_of(live) for live in read if live is not None]
        name = self.tenant.order.organization
        return [one[1] for one in told if one is not None and one[0] == name]
