"""What stands in the cluster for organizations, as last heard, though most of it is not ours.

Memory: an Organization, a project's namespace and a public address are kept as their names and a
few annotations, about 1 KB each; a LimitRange of our name and a hierarchical quota are kept whole,
about 2 KB each. A thousand organizations of three projects each are about 10 MB. The selectors keep
everything else at the server: namespaces by the label that marks a project, LimitRanges and quotas
by their one name. Workloads of others are heard of only while they carry the label that they were
put to rest with, and only their names are kept.
"""

import asyncio
from collections.abc import Callable, Sequence

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.provisioner import naming
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.follow import Follower
from services.provisioner.kube.kinds import (
    CRON_JOB,
    DEPLOYMENT,
    EIP,
    HIERARCHICAL_QUOTA,
    ORGANIZATION,
    STATEFUL_SET,
    Kind,
)
from services.provisioner.kube.shelves import (
    Shelf,
    Watched,
    by_name,
    by_namespace,
    by_organization,
    identity,
    name_only,
    organizations_only,
    public_only,
    scale_only,
    spec_only,
    whole,
)
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.addresses import FULL
from services.provisioner.organization.seen import Project, Seen, project_of

_NAMED = "metadata.name="
_PROJECTS = "projects"
_LIMITS = "limits"
_INHERITED = "inherited"
_CAPS = "caps"
_SHUT = "shut"
_ORGANIZATIONS = "organizations"
_ADDRESSES = "addresses"
_HIERARCHICAL = "hierarchical"
_NAMESPACE, _QUOTA = Kind("v1", "Namespace"), Kind("v1", "ResourceQuota")
_RESTING = {
    "resting-deployments": DEPLOYMENT,
    "resting-stateful-sets": STATEFUL_SET,
    "resting-cron-jobs": CRON_JOB,
}


def _watched(project_quota: str) -> tuple[Watched, ...]:
    return (
        Watched(
            _PROJECTS,
            _NAMESPACE,
            {"labelSelector": naming.PROJECT},
            by_organization,
            identity,
            required=True,
        ),
        Watched(
            _LIMITS,
            Kind("v1", "LimitRange"),
            {"fieldSelector": f"{_NAMED}{naming.DEFAULT_LIMITS}"},
            by_namespace,
            whole,
            required=True,
        ),
        # How the hierarchical quota is used in each project: moves at every pod, decides nothing.
        Watched(
            _INHERITED,
            _QUOTA,
            {"fieldSelector": f"{_NAMED}{naming.INHERITED_QUOTA}"},
            by_namespace,
            whole,
            required=True,
            quiet=True,
        ),
        Watched(
            _CAPS,
            _QUOTA,
            {"fieldSelector": f"{_NAMED}{project_quota}"},
            by_namespace,
            spec_only,
            required=True,
        ),
        Watched(
            _SHUT,
            _NAMESPACE,
            {"labelSelector": f"{naming.LABEL_PUBLIC_ADDRESSES}={FULL}"},
            by_name,
            name_only,
            required=True,
        ),
        Watched(_ORGANIZATIONS, ORGANIZATION, {}, organizations_only, identity),
        Watched(_ADDRESSES, EIP, {}, public_only, identity),
        Watched(
            _HIERARCHICAL,
            HIERARCHICAL_QUOTA,
            {"fieldSelector": f"{_NAMED}{naming.PLAN_QUOTA}"},
            by_namespace,
            whole,
        ),
        *(
            Watched(
                name,
                kind,
                {"labelSelector": naming.LABEL_RESTING},
                by_namespace,
                scale_only,
                hint=True,
            )
            for name, kind in _RESTING.items()
        ),
    )


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
        project_quota: str = naming.PROJECT_QUOTA,
    ) -> None:
        self._cluster = cluster
        self._hear = hear
        self._clock = clock
        self._rediscover = rediscover
        self._shelves = {
            watched.name: Shelf(watched, _nobody if watched.quiet else self._heard)
            for watched in _watched(project_quota)
        }
        self._running: dict[str, asyncio.Task[None]] = {}
        self._look_again = asyncio.Event()
        self._discovered = False

    @property
    def ready(self) -> bool:
        """Everything that was found to be served, and is needed, was listed at least once."""
        needed = [self._shelves[name] for name in self._running]
        return self._discovered and all(one.filled or one.watched.hint for one in needed)

    def look(self, name: str) -> Seen:
        """Return an organization as it was last heard of."""
        projects = self._projects(name)
        namespaces = [name, *(project.namespace for project in projects)]
        addresses = self._shelves[_ADDRESSES]
        return Seen(
            served=self._shelves[_ORGANIZATIONS].filled,
            hierarchical_served=self._shelves[_HIERARCHICAL].filled,
            organization=self._only(_ORGANIZATIONS, name),
            projects=projects,
            public_ips=sum(len(addresses.at(namespace)) for namespace in namespaces),
            limits=self._each(_LIMITS, namespaces),
            hierarchical=self._only(_HIERARCHICAL, name),
            inherited=self._each(_INHERITED, namespaces),
            project_quotas=self._each(_CAPS, namespaces),
            resting=frozenset(one for shelf in _RESTING for one in self._each(shelf, namespaces)),
            shut=frozenset(self._each(_SHUT, namespaces)),
        )

    async def run(self) -> None:
        """Keep it up to date until cancelled."""
        outage = Outage("The discovery of kinds", self._clock)
        async with asyncio.TaskGroup() as tasks:
            for name, shelf in self._shelves.items():
                if shelf.watched.required:
                    self._start(name, tasks)
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
        for name, shelf in self._shelves.items():
            if shelf.watched.required:
                continue
            served = await self._cluster.discover(shelf.watched.kind)
            if served and name not in self._running:
                self._start(name, tasks)
            elif not served and name in self._running:
                self._running.pop(name).cancel()
                shelf.clear()
                self._hear_all()
        self._discovered = True

    def _start(self, name: str, tasks: asyncio.TaskGroup) -> None:
        shelf = self._shelves[name]
        follower = Follower(
            self._cluster,
            shelf.watched.kind,
            shelf.watched.selected,
            _First(shelf, self._hear_all),
            self._clock,
            self._look_again.set,
        )
        self._running[name] = tasks.create_task(follower.run())

    async def _rest(self) -> None:
        """Wait until it is time to look again, or until a kind is said to be gone."""
        try:
            async with asyncio.timeout(self._rediscover):
                await self._look_again.wait()
        except TimeoutError:
            return

    def _hear_all(self) -> None:
        # What serves a kind, and what ceases to, concerns every organization.
        for name in self._shelves[_ORGANIZATIONS].places():
            self._hear(name, "")

    def _heard(self, place: str, live: Live | None) -> None:
        version = live.resource_version if live is not None else ""
        self._hear(place, version)
        # What stands in a project's namespace concerns its organization.
        home = self._shelves[_PROJECTS].place_of(Ref("v1", _NAMESPACE.kind, "", place))
        if home is not None:
            self._hear(home, version)

    def _projects(self, organization: str) -> list[Project]:
        found = []
        for namespace in self._shelves[_PROJECTS].at(organization).values():
            told = project_of(namespace)
            if told is not None:
                found.append(told[1])
        return sorted(found)

    def _each(self, shelf: str, namespaces: Sequence[str]) -> dict[str, Live]:
        found = {namespace: self._only(shelf, namespace) for namespace in namespaces}
        return {namespace: live for namespace, live in found.items() if live is not None}

    def _only(self, shelf: str, place: str) -> Live | None:
        return next(iter(self._shelves[shelf].at(place).values()), None)


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
