"""The one ConfigMap that holds plans: found, watched and read by its name alone.

Lists and watches select it by its name, so a Role for that name in that namespace is enough.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from services.chassis.clock import Clock
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.follow import Follower, Listener
from services.provisioner.kube.kinds import CONFIG_MAP
from services.provisioner.objects import Ref
from services.provisioner.plans.seen import Place, PlansSeen, gone, seen

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class _InNamespace:
    """Where ConfigMaps are, of one namespace."""

    namespace: str

    def path(self, name: str | None = None, namespace: str | None = None) -> str:
        """Return the path of an object, or of what the namespace holds."""
        collection = f"/api/v1/namespaces/{self.namespace}/configmaps"
        return f"{collection}/{name}" if name else collection


class PlansMap:
    """The ConfigMap at a place of a cluster."""

    def __init__(self, cluster: KubeCluster, place: Place) -> None:
        cluster.note_place(CONFIG_MAP, _InNamespace(place.namespace))
        self._cluster = cluster
        self._place = place

    async def read(self) -> PlansSeen:
        """Return what it says now, as the API server itself has it."""
        ref = Ref(CONFIG_MAP.api_version, CONFIG_MAP.kind, self._place.namespace, self._place.name)
        live = await self._cluster.get(ref, timeout=_TIMEOUT)
        if live is None:
            return gone(self._place.source)
        return seen(self._place, live.content.get("data"), live.resource_version)

    def follow(self, listener: Listener, clock: Clock) -> Coroutine[Any, Any, None]:
        """Return the loop that tells a listener whenever something happens to it."""
        selected = {"fieldSelector": f"metadata.name={self._place.name}"}
        return Follower(self._cluster, CONFIG_MAP, selected, listener, clock).run()
