"""Following the objects of a kind: a list, then a watch; when the server forgot what changed since,
a list again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.provisioner.errors import HistoryExpired, KindMissing, ObjectGone
from services.provisioner.kube.client import Event, KubeCluster
from services.provisioner.kube.failures import of_status
from services.provisioner.kube.kinds import Kind
from services.provisioner.objects import Live, Ref, ref_of

_WATCH_SECONDS = 240
_BREATH = 0.2


class Listener(Protocol):
    """Whoever keeps what is heard."""

    def listed(self, objects: Sequence[Live]) -> None:
        """Everything that stands; what is not among it is gone."""
        ...

    def kept(self, live: Live) -> None:
        """An object came or changed."""
        ...

    def gone(self, ref: Ref) -> None:
        """An object went."""
        ...


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows the selected objects of one kind for as long as ``run`` does.

    ``unserved`` is called when the API server says that there is no such kind.
    """

    cluster: KubeCluster
    kind: Kind
    selected: Mapping[str, str]
    listener: Listener
    clock: Clock
    unserved: Callable[[], None] | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        outage = Outage(f"The watch of {self.kind.kind}", self.clock)
        version = ""
        while True:
            try:
                if not version:
                    listed = await self.cluster.list_kind(self.kind, self.selected)
                    self.listener.listed(listed.objects)
                    version = listed.resource_version
                version = await self._watch(version, outage)
            except HistoryExpired:
                version = ""
                await self.clock.sleep(_BREATH)
            except Refusal as refusal:
                if isinstance(refusal, ObjectGone | KindMissing):
                    version = ""
                    if self.unserved is not None:
                        self.unserved()
                await outage.pause(refusal)

    async def _watch(self, version: str, outage: Outage) -> str:
        began = self.clock.monotonic()
        watch = self.cluster.watch_kind(self.kind, version, _WATCH_SECONDS, self.selected)
        async with aclosing(watch) as events:
            async for event in events:
                outage.over()
                version = self._take(event)
        if self.clock.monotonic() - began < _BREATH:
            # A server that ends every watch at once is not to be asked without a pause.
            await self.clock.sleep(_BREATH)
        return version

    def _take(self, event: Event) -> str:
        """Pass an event on; return the resourceVersion to go on from."""
        if event.type == "ERROR":
            raise of_status(int(event.content.get("code") or 0), event.content)
        if event.type == "DELETED":
            self.listener.gone(ref_of(event.content))
        elif event.type in ("ADDED", "MODIFIED"):
            self.listener.kept(Live(ref_of(event.content), event.content))
        version: str = event.content["metadata"]["resourceVersion"]
        return version
