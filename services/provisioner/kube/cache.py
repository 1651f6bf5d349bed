"""What stands in the cluster, as last heard: every object of ours, by tenant.

It is behind the truth by a moment, so it says what to look at and that nothing is to be
done, never that something was done; but for what ``told`` returns, which waits for that moment.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from services.chassis.clock import Clock
from services.provisioner import naming
from services.provisioner.kube.client import OURS, KubeCluster
from services.provisioner.kube.follow import Follower
from services.provisioner.kube.kinds import Kind
from services.provisioner.kube.news import Worth, worth
from services.provisioner.kube.slimming import slim
from services.provisioner.kube.told import Told
from services.provisioner.objects import Live, Ref

_NOTHING: Mapping[Ref, Live] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Heard:
    """Something happened to an object of a tenant; ``news`` is only to be told, not repaired."""

    tenant_id: str
    ref: Ref
    resource_version: str
    deleted: bool
    news: bool = False


class ObjectCache:
    """Our objects by tenant. ``hear`` is told of what matters after the first list."""

    def __init__(self, cluster: KubeCluster, hear: Callable[[Heard], None], clock: Clock) -> None:
        self._cluster = cluster
        self._hear = hear
        self._clock = clock
        self._tenants: dict[str, dict[Ref, Live]] = {}
        self._owners: dict[Ref, str] = {}
        self._listed: set[Kind] = set()
        self._told = Told()
        self._listed_all = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Every kind was listed at least once."""
        return self._listed_all.is_set()

    async def wait_until_ready(self) -> None:
        """Wait until every kind was listed."""
        await self._listed_all.wait()

    def objects(self, tenant_id: str) -> Mapping[Ref, Live]:
        """Return a tenant's objects; the mapping is not to be kept."""
        return self._tenants.get(tenant_id, _NOTHING)

    async def told(
        self, tenant_id: str, written: Mapping[Ref, str], seconds: float
    ) -> Mapping[Ref, Live]:
        """Return those of these objects that were told of as they stood after they were written.

        Waits at most so many seconds to be told.
        """
        if not self.ready:
            return {}
        known = self.objects(tenant_id)
        late = [
            version
            for ref, version in written.items()
            if ref not in known or known[ref].resource_version != version
        ]
        await self._told.wait(late, seconds)
        known = self.objects(tenant_id)
        return {
            ref: known[ref]
            for ref, version in written.items()
            if ref in known and (known[ref].resource_version == version or self._told.of(version))
        }

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Return the loops that keep it up to date, one a kind, for a task group to own."""
        return [
            Follower(self._cluster, kind, OURS, _OfKind(self, kind), self._clock).run()
            for kind in self._cluster.kinds
        ]

    def listed(self, kind: Kind, objects: Sequence[Live]) -> None:
        """Take in everything that stands of a kind."""
        quiet = kind not in self._listed
        standing = {live.ref for live in objects}
        of_kind = (kind.api_version, kind.kind)
        for ref in [one for one in self._owners if one[:2] == of_kind and one not in standing]:
            self.gone(ref)
        for live in objects:
            self._keep(live, quiet=quiet)
        self._listed.add(kind)
        if len(self._listed) == len(self._cluster.kinds):
            self._listed_all.set()

    def kept(self, live: Live) -> None:
        """Take in an object that came or changed."""
        self._keep(live, quiet=False)

    def gone(self, ref: Ref) -> None:
        """Forget an object that went."""
        self._forget(ref)

    def _keep(self, live: Live, *, quiet: bool) -> None:
        version = live.resource_version
        self._told.note(version)
        owner = self._owners.get(live.ref)
        known = None if owner is None else self._tenants[owner].get(live.ref)
        if known is not None and known.resource_version == version:
            return
        tenant_id = live.label(naming.LABEL_TENANT)
        if owner is not None and owner != tenant_id:
            # Somebody changed the label: it was taken from one tenant and given to another.
            self._forget(live.ref)
            known = None
        ref = live.ref if known is None else known.ref
        kept = Live(ref, slim(live.content) if known is None else slim(live.content, known.content))
        self._owners[ref] = tenant_id
        self._tenants.setdefault(tenant_id, {})[ref] = kept
        if quiet or not tenant_id:
            return
        matters = worth(known, kept)
        if matters is not Worth.NOTHING:
            news = matters is Worth.NEWS
            self._hear(Heard(tenant_id, ref, version, deleted=False, news=news))

    def _forget(self, ref: Ref) -> None:
        tenant_id = self._owners.pop(ref, "")
        objects = self._tenants.get(tenant_id, {})
        objects.pop(ref, None)
        if not objects:
            self._tenants.pop(tenant_id, None)
        if tenant_id:
            self._hear(Heard(tenant_id, ref, "", deleted=True))


class _OfKind:
    """What the cache hears of one kind."""

    def __init__(self, cache: ObjectCache, kind: Kind) -> None:
        self._cache = cache
        self._kind = kind
        self.kept = cache.kept
        self.gone = cache.gone

    def listed(self, objects: Sequence[Live]) -> None:
        """Take in everything that stands."""
        self._cache.listed(self._kind, objects)
