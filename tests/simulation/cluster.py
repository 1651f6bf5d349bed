"""The Kubernetes of the simulation: the provisioner's Cluster port in virtual time.

Requests take time and fail as they are told to; namespaces take a while to go. Every replica has
the product's own caches over the watch of it, each as far behind as its lag.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from services.chassis.clock import Clock
from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject
from services.provisioner.errors import ClusterTimeout, ClusterUnavailable, HistoryExpired
from services.provisioner.kube.cache import Heard, ObjectCache
from services.provisioner.kube.client import OURS, Event, KubeCluster, Listed
from services.provisioner.kube.kinds import HIERARCHICAL_QUOTA, KINDS, Kind
from services.provisioner.kube.organizations import OrganizationCache
from services.provisioner.objects import Live, Ref
from tests.simulation.cluster_store import Happened, ObjectStore, Write
from tests.simulation.shop_post import Spawn

T = TypeVar("T")

REDISCOVER = 30 * 86400.0
_NAMESPACE = Kind("v1", "Namespace")
_AFTER = 0.2
_READ_TRIES = 3
"""How often the product's client reads before it gives up."""


@dataclass(slots=True)
class ClusterFaults:
    """What goes wrong at the API server: chances from 0 to 1 a call, times in seconds.

    ``timeout`` splits evenly into a request that never came and an answer that never came;
    ``touched``: somebody else writes an object just before us. ``lag`` is how far watches are
    behind at most, ``expired`` the chance that a watch has to list again.
    """

    unavailable: float = 0.0
    timeout: float = 0.0
    touched: float = 0.0
    expired: float = 0.0
    quickest: float = 0.002
    slowest: float = 0.02
    lag: float = 0.05
    deletion: float = 5.0


class SimCluster:
    """The API server. ``spawn`` owns what its own controllers do."""

    def __init__(self, clock: Clock, rng: random.Random, spawn: Spawn) -> None:
        self._clock = clock
        self._rng = random.Random(rng.getrandbits(64))
        self._watching = random.Random(rng.getrandbits(64))
        self._spawn = spawn
        self.faults = ClusterFaults()
        self.store = ObjectStore(clock)
        self.store.news.append(self._wake)
        self._waiting: dict[Kind, list[asyncio.Future[None]]] = {}
        self._caches: list[object] = []

    def quiet(self) -> None:
        """Nothing goes wrong from now on."""
        self.faults = ClusterFaults()

    @property
    def objects(self) -> Mapping[Ref, Live]:
        """What stands."""
        return self.store.objects

    @property
    def history(self) -> Sequence[Write]:
        """Everything that happened, in order."""
        return self.store.history

    # The port Cluster.

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        """Read an object; what was just written is asked for with ``since``, without owners."""
        await self._comes(timeout, _READ_TRIES)
        live = self.store.objects.get(ref) if since else self.store.shown(ref)
        if live is not None:
            self.store.found(ref)
        await self._goes(timeout)
        return live

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        """POST."""
        return await self._write(timeout, None, lambda: self.store.create(wanted))

    async def hand_over(
        self, live: Live, managed_fields: Sequence[Json], *, timeout: float
    ) -> Live:
        """Replace managed fields."""
        return await self._write(timeout, live, lambda: self.store.hand_over(live, managed_fields))

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        """Server-side apply."""
        return await self._write(timeout, live, lambda: self.store.apply(wanted, live))

    async def strip(self, live: Live, annotations: Sequence[str], *, timeout: float) -> Live:
        """Take annotations."""
        return await self._write(timeout, live, lambda: self.store.strip(live, annotations))

    async def change(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        """Merge a patch."""
        return await self._write(timeout, live, lambda: self.store.change(live, patch))

    async def list_in(
        self, api_version: str, kind: str, namespace: str, *, timeout: float
    ) -> Sequence[Live]:
        """List a namespace."""
        await self._comes(timeout, _READ_TRIES)
        found = [
            self.store.objects[ref]
            for ref in self.store.inside.get(namespace, ())
            if (ref.api_version, ref.kind) == (api_version, kind)
        ]
        await self._goes(timeout)
        return found

    async def list_labelled(
        self, api_version: str, kind: str, label: str, value: str, *, timeout: float
    ) -> Sequence[Live]:
        """List what carries a label, in all namespaces."""
        await self._comes(timeout, _READ_TRIES)
        found = [
            live
            for live in self.store.of_kind[api_version, kind].values()
            if live.label(label) == value
        ]
        await self._goes(timeout)
        return found

    async def delete(self, live: Live, *, timeout: float) -> None:
        """Delete exactly this object."""
        await self._write(timeout, live, lambda: self._delete(live))

    # What replicas hear of it.

    def view(self, name: str, hear: Callable[[Heard], None]) -> ObjectCache:
        """Return a replica's cache; its loops are tasks of whoever calls."""
        cache = ObjectCache(cast("KubeCluster", self), hear, self._clock)
        loop = asyncio.get_running_loop()
        self._caches.append([loop.create_task(one) for one in cache.loops()])
        return cache

    def organizations(self, name: str, hear: Callable[[str, str], None]) -> OrganizationCache:
        """Return a replica's cache of organizations; likewise."""
        cache = OrganizationCache(cast("KubeCluster", self), hear, self._clock, REDISCOVER)
        self._caches.append(asyncio.get_running_loop().create_task(cache.run()))
        return cache

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds that every cluster serves."""
        return KINDS

    async def discover(self, kind: Kind) -> bool:
        """Tell whether a kind is served that need not be."""
        await self._comes(30.0)
        return kind != HIERARCHICAL_QUOTA

    async def list_kind(self, kind: Kind, selected: Mapping[str, str] = OURS) -> Listed:
        """List objects of a kind."""
        await self._comes(30.0, _READ_TRIES)
        found = [
            live
            for live in self.store.of_kind[kind.api_version, kind.kind].values()
            if _is_selected(live, selected)
        ]
        listed = Listed(found, str(self.store.version))
        await self._goes(30.0)
        return listed

    async def watch_kind(
        self,
        kind: Kind,
        resource_version: str,
        seconds: int,
        selected: Mapping[str, str] = OURS,
    ) -> AsyncGenerator[Event, None]:
        """Yield what happens from a version on. It lasts until it breaks: months pass here."""
        log = self.store.logs[kind]
        last = int(resource_version)
        place = _after(log, last)
        while True:
            if place == len(log):
                await self._news(kind)
            await self._clock.sleep(self._watching.uniform(0.0, self.faults.lag))
            if self._watching.random() < self.faults.expired:
                raise HistoryExpired("The history is gone.")
            until = len(log)
            for happened in log[place:until]:
                if _is_selected(happened.live, selected):
                    yield Event(happened.type, cast("dict[str, object]", happened.live.content))
            place = until

    # What others do.

    def organization(self, name: str, projects: Sequence[str] = ()) -> None:
        """Let an organization stand, with its namespace and those of its projects."""
        self.store.foreign(_namespace(name))
        self.store.foreign(
            {
                "apiVersion": "kube-dc.com/v1",
                "kind": "Organization",
                "metadata": {"name": name, "namespace": name},
                "spec": {},
            }
        )
        for project in projects:
            self.project(name, project)

    def project(self, organization: str, project: str) -> None:
        """Let a project of an organization stand."""
        self.store.foreign(
            _namespace(
                f"{organization}-{project}",
                labels={naming.PROJECT: "true"},
                annotations={naming.PROJECT: f"{organization}/{project}"},
            )
        )

    def _delete(self, live: Live) -> None:
        if live.ref not in self.store.objects:
            return
        now = self.store.pinned(live)
        if live.ref.kind != "Namespace":
            self.store.remove("delete", live.ref)
            return
        if now.deleting:
            return
        metadata = now.content["metadata"]
        assert isinstance(metadata, Mapping)
        stamped = {**metadata, "deletionTimestamp": self._clock.now().isoformat()}
        self.store.put("delete", live.ref, {**now.content, "metadata": stamped})
        self._spawn(self._terminate(live.ref))

    async def _terminate(self, ref: Ref) -> None:
        """Empty a namespace in two steps, as the namespace controller does."""
        await self._clock.sleep(self._rng.uniform(0.1, self.faults.deletion))
        self.store.empty(ref.name)
        await self._clock.sleep(self._rng.uniform(0.0, 0.2))
        self.store.remove("gone", ref, ours=False)

    # How requests go.

    async def _write(self, timeout: float, live: Live | None, act: Callable[[], T]) -> T:
        await self._comes(timeout)
        if live is not None and self._rng.random() < self.faults.touched:
            self.store.edit(live.ref, _touch)
        done = act()
        await self._goes(timeout)
        return done

    async def _comes(self, timeout: float, tries: int = 1) -> None:
        faults, rng = self.faults, self._rng
        spread = faults.slowest - faults.quickest
        await self._clock.sleep(faults.quickest + spread * rng.random())
        if rng.random() < faults.unavailable:
            if tries == 1:
                raise ClusterUnavailable("The API server is overloaded.", retry_after=_AFTER)
            await self._clock.sleep(_AFTER)
            return await self._comes(timeout - _AFTER, tries - 1)
        if rng.random() < faults.timeout / 2:
            await self._hang(timeout)
        return None

    async def _goes(self, timeout: float) -> None:
        faults, rng = self.faults, self._rng
        spread = faults.slowest - faults.quickest
        await self._clock.sleep(faults.quickest + spread * rng.random())
        if rng.random() < faults.timeout / 2:
            await self._hang(timeout)

    async def _hang(self, timeout: float) -> None:
        await self._clock.sleep(timeout)
        raise ClusterTimeout("The API server did not answer in time.")

    # How watches wait.

    async def _news(self, kind: Kind) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(kind, []).append(turn)
        await turn

    def _wake(self, kind: Kind) -> None:
        for turn in self._waiting.pop(kind, ()):
            if not turn.done():
                turn.set_result(None)


def _after(log: Sequence[Happened], version: int) -> int:
    """Return the place of the first event after a version."""
    place = len(log)
    while place and log[place - 1].version > version:
        place -= 1
    return place


def _is_selected(live: Live, selected: Mapping[str, str]) -> bool:
    label = selected.get("labelSelector", "")
    if label:
        name, given, value = label.partition("=")
        metadata: Any = live.content["metadata"]
        labels: Mapping[str, Json] = metadata.get("labels", {})
        return name in labels and (not given or labels[name] == value)
    field = selected.get("fieldSelector", "")
    return not field or field == f"metadata.name={live.ref.name}"


def _namespace(
    name: str,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> JsonObject:
    metadata: dict[str, Json] = {
        "name": name,
        "labels": dict(labels or {}),
        "annotations": dict(annotations or {}),
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _touch(content: dict[str, object]) -> None:
    metadata = cast("dict[str, dict[str, str]]", content["metadata"])
    annotations = metadata.setdefault("annotations", {})
    annotations["example.com/touched"] = str(int(annotations.get("example.com/touched", "0")) + 1)
