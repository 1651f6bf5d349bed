"""Writing one project's own quota: pinned to what was read, in a namespace that was looked at."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from services.chassis.backoff import Backoff
from services.chassis.clock import Clock
from services.chassis.deadline import MARGIN, remaining
from services.provisioner.errors import (
    ClusterForbidden,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
    ProjectQuotaForbidden,
)
from services.provisioner.isolation import namespace_ref
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.addresses import is_within
from services.provisioner.ports import Cluster
from services.provisioner.projects import rights
from services.provisioner.projects.quota import manifest, merged, patch, texts

_CALL = 5.0
_TRIES = 6
PAUSES = Backoff(base=0.05, cap=0.4)
"""Between looks, when others wrote meanwhile: those who collide do not meet again in step."""

Caps = Mapping[str, str | None]
"""By the cluster's names: a quantity, None to lift the cap."""


@dataclass(frozen=True, slots=True)
class Writing:
    """Works on the quota ``ref`` of a project, whose namespace is to be the organization's."""

    cluster: Cluster
    organization: str
    project: str
    ref: Ref
    clock: Clock
    pauses: Backoff = PAUSES

    async def read(self) -> Live | None:
        """Return the quota as it stands."""
        return await self.cluster.get(self.ref, timeout=_CALL)

    async def cap(self, caps: Caps) -> None:
        """Set and lift caps; a quota that caps nothing any more goes.

        Raises ProjectNotFound, ProjectQuotaForbidden, ObjectChanged if others keep writing.
        """

        async def once(live: Live | None) -> None:
            hard = merged(live, caps)
            if live is None:
                if hard:
                    await self.cluster.create(manifest(self.ref, hard), timeout=_CALL)
            elif not hard:
                await self.cluster.delete(live, timeout=_CALL)
            elif hard != texts(live, "spec", "hard"):
                await self.cluster.change(live, patch(caps), timeout=_CALL)

        await self._until_done(once)

    async def remove(self) -> None:
        """Take the quota away; raises as ``cap``."""

        async def once(live: Live | None) -> None:
            if live is not None and not live.deleting:
                await self.cluster.delete(live, timeout=_CALL)

        await self._until_done(once)

    async def _until_done(self, once: Callable[[Live | None], Awaitable[None]]) -> None:
        for failures in range(_TRIES):
            if failures and not await self._paused(failures):
                break
            live = await self._read_in_place()
            try:
                return await once(live)
            except ClusterForbidden as refusal:
                raise ProjectQuotaForbidden(
                    f"The cluster keeps ResourceQuota {self.ref.name} for somebody else.",
                    metadata={"name": self.ref.name},
                ) from refusal
            except (ObjectChanged, ObjectExists, ObjectGone):
                continue
        raise ObjectChanged(f"The quota of project {self.project} keeps changing.")

    async def _paused(self, failures: int) -> bool:
        """Wait before another try; False if the caller would not wait for its answer."""
        pause, left = self.pauses.delay(failures), remaining()
        if left is not None and left <= pause + MARGIN:
            return False
        await self.clock.sleep(pause)
        return True

    async def _read_in_place(self) -> Live | None:
        """Read the quota, in a namespace that is the organization's also for the API server."""
        namespace = await self.cluster.get(namespace_ref(self.ref.namespace), timeout=_CALL)
        if namespace is None or not is_within(self.organization, namespace):
            raise rights.unknown(self.project)
        return await self.read()
