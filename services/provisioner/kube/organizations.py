"""What stands in the cluster for organizations, as last heard, though most of it is not ours.

Memory: an Organization, a project's namespace and a public address are kept as their names and a
few annotations, about 1 KB each; a LimitRange of our name and a hierarchical quota are kept whole,
about 2 KB each. A thousand organizations of three projects each are about 10 MB. The selectors keep
everything else at the server: namespaces by the label that marks a project, LimitRanges and quotas
by their one name.
"""

import asyncio
from collections.abc import Callable, Sequence

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.provisioner import naming
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.follow import Follower
from services.provisioner.kube.kinds import EIP, HIERARCHICAL_QUOTA, ORGANIZATION, Kind
from services.provisioner.kube.shelves import (
    Shelf,
    Watched,
    by_namespace,
    by_organization,
    identity,
    organizations_only,
    public_only,
    whole,
)
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.seen import Project, Seen, project_of

_NAMED = "metadata.name="
_WATCHED = (
    Watched(
        Kind("v1", "Namespace"),
        {"labelSelector": naming.PROJECT},
        by_organization,
        identity,
        required=True,
    ),
    Watched(
        Kind("v1", "LimitRange"),
        {"fieldSelector": f"{_NAMED}{naming.DEFAULT_LIMITS}"},
        by_namespace,
        whole,
        required=True,
    ),
    # How the hierarchical quota is used in each project: moves at every pod, and decides nothing.
    Watched(
        Kind("v1", "ResourceQuota"),
        {"fieldSelector": f"{_NAMED}{naming.INHERITED_QUOTA}"},
        by_namespace,
        whole,
        required=True,
        quiet=True,
    ),
    Watched(ORGANIZATION, {}, organizations_only, identity),
    Watched(EIP, {}, public_only, identity),
    Watched(
        HIERARCHICAL_QUOTA,
        {"fieldSelector": f"{_NAMED}{naming.PLAN_QUOTA}"},
        by_namespace,
        whole,
    ),
)
_PROJECTS, _LIMITS, _INHERITED = (watched.kind for watched in _WATCHED[:3])


class OrganizationCache:
    """Organizations and what counts for their quota.

    ``hear`` is told the name of an organization of which something changed and the resourceVersion
    of what did, empty for what went. Kinds that a cluster need not serve are looked for every
    ``rediscover`` seconds.
    """

    def __init__(
        self,
        cluster: KubeCluster,
        hear: Callable[[str, str], None],
        clock: Clock,
        rediscover: float,
    ) -> None:
        self._cluster = cluster
        self._hear = hear
        self._clock = clock
        self._rediscover = rediscover
        self._shelves = {
            watched.kind: Shelf(watched, _nobody if watched.quiet else self._heard)
            for watched in _WATCHED
        }
        self._running: dict[Kind, asyncio.Task[None]] = {}
        self._look_again = asyncio.Event()
        self._discovered = False

    @property
    def ready(self) -> bool:
        """Everything that was found to be served was listed at least once."""
        return self._discovered and all(self._shelves[kind].filled for kind in self._running)

    def serves(self, kind: Kind) -> bool:
        """Tell whether the cluster serves a kind, and what stands of it was heard."""
        return self._shelves[kind].filled

    def look(self, name: str) -> Seen:
        """Return an organization as it was last heard of."""
        projects = self._projects(name)
        namespaces = [name, *(project.namespace for project in projects)]
        addresses = self._shelves[EIP]
        return Seen(
            served=self.serves(ORGANIZATION),
            hierarchical_served=self.serves(HIERARCHICAL_QUOTA),
            organization=self._only(ORGANIZATION, name),
            projects=projects,
            public_ips=sum(len(addresses.at(namespace)) for namespace in namespaces),
            limits=self._each(_LIMITS, namespaces),
            hierarchical=self._only(HIERARCHICAL_QUOTA, name),
            inherited=self._each(_INHERITED, namespaces),
        )

    async def run(self) -> None:
        """Keep it up to date until cancelled."""
        outage = Outage("The discovery of kinds", self._clock)
        async with asyncio.TaskGroup() as tasks:
            for kind, shelf in self._shelves.items():
                if shelf.watched.required:
                    self._start(kind, tasks)
            while True:
                self._look_again.clear()
                try:
                    await self._discover(tasks)
                except Refusal as refusal:
                    await outage.pause(refusal)
                    continue
                outage.over()
                await self._rest()

    async def _discover(self, tasks: asyncio.TaskGroup) -> None:
        for kind, shelf in self._shelves.items():
            if shelf.watched.required:
                continue
            served = await self._cluster.discover(kind)
            if served and kind not in self._running:
                self._start(kind, tasks)
            elif not served and kind in self._running:
                self._running.pop(kind).cancel()
                shelf.clear()
                self._hear_all()
        self._discovered = True

    def _start(self, kind: Kind, tasks: asyncio.TaskGroup) -> None:
        follower = Follower(
            self._cluster,
            kind,
            self._shelves[kind].watched.selected,
            _First(self._shelves[kind], self._hear_all),
            self._clock,
            self._look_again.set,
        )
        self._running[kind] = tasks.create_task(follower.run())

    async def _rest(self) -> None:
        """Wait until it is time to look again, or until a kind is said to be gone."""
        try:
            async with asyncio.timeout(self._rediscover):
                await self._look_again.wait()
        except TimeoutError:
            return

    def _hear_all(self) -> None:
        # What serves a kind, and what ceases to, concerns every organization.
        for name in self._shelves[ORGANIZATION].places():
            self._hear(name, "")

    def _heard(self, place: str, live: Live | None) -> None:
        version = live.resource_version if live is not None else ""
        self._hear(place, version)
        # What stands in a project's namespace concerns its organization.
        home = self._shelves[_PROJECTS].place_of(Ref("v1", _PROJECTS.kind, "", place))
        if home is not None:
            self._hear(home, version)

    def _projects(self, organization: str) -> list[Project]:
        found = []
        for namespace in self._shelves[_PROJECTS].at(organization).values():
            told = project_of(namespace)
            if told is not None:
                found.append(told[1])
        return sorted(found)

    def _each(self, kind: Kind, namespaces: Sequence[str]) -> dict[str, Live]:
        found = {namespace: self._only(kind, namespace) for namespace in namespaces}
        return {namespace: live for namespace, live in found.items() if live is not None}

    def _only(self, kind: Kind, place: str) -> Live | None:
        return next(iter(self._shelves[kind].at(place).values()), None)


class _First:
    """A shelf whose first list is told to everybody: from then on the kind is served."""

    def __init__(self, shelf: Shelf, filled: Callable[[], None]) -> None:
        self._shelf = shelf
        self._filled = filled
        self.kept = shelf.kept
        self.gone = shelf.gone

    def listed(self, objects: Sequence[Live]) -> None:
        """Take in everything that stands."""
        first = not self._shelf.filled
        self._shelf.listed(objects)
        if first:
            self._filled()


def _nobody(_place: str, _live: Live | None) -> None:
    """Tell nobody."""
