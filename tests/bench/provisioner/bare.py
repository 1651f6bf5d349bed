"""Bare writes of the same objects: what the provisioner's reconcile is measured against.

The namespace by POST, then each other object by server-side apply, nothing else: no reading back,
no database, no watching. Through the provisioner's own client: the same connections, the same
encoding, the answers read and decoded as it does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from services.provisioner import naming
from services.provisioner.domain import JsonObject
from services.provisioner.ensure import together
from services.provisioner.kube.client import KubeCluster
from services.provisioner.objects import ref_of

T = TypeVar("T")

_TIME = 30.0


@dataclass
class Runs:
    """So many of the same: how long each took, and all of them, in seconds.

    ``cpu`` is the processor time of this process.
    """

    each: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """How many were done in a second."""
        return len(self.each) / self.seconds


async def create(cluster: KubeCluster, wanted: JsonObject) -> None:
    """Create an object by POST."""
    await cluster.create(wanted, timeout=_TIME)


async def apply(cluster: KubeCluster, wanted: JsonObject) -> None:
    """Apply an object, whether it stands or not."""
    await cluster._call(
        "PATCH",
        cluster._path(ref_of(wanted)),
        _TIME,
        body=wanted,
        content_type="application/apply-patch+yaml",
        query={"fieldManager": naming.FIELD_MANAGER, "force": "true"},
    )


async def make(cluster: KubeCluster, objects: Sequence[JsonObject]) -> None:
    """Make one tenant's objects: the namespace, then all others at once."""
    namespace, *others = objects
    await create(cluster, namespace)
    await together([apply(cluster, wanted) for wanted in others])


async def make_in_turn(cluster: KubeCluster, objects: Sequence[JsonObject]) -> None:
    """Make one tenant's objects, one after the other."""
    namespace, *others = objects
    await create(cluster, namespace)
    for wanted in others:
        await apply(cluster, wanted)


async def at_once(
    work: Sequence[T], concurrency: int, do: Callable[[T], Awaitable[object]]
) -> Runs:
    """Do all of it, so many at once, and time each."""
    runs, left = Runs(), iter(work)

    async def worker() -> None:
        for one in left:
            began = time.perf_counter()
            await do(one)
            runs.each.append(time.perf_counter() - began)

    began, spent = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
    runs.seconds = time.perf_counter() - began
    runs.cpu = time.process_time() - spent
    return runs
