"""The simulated cluster keeps the promises of the port: pins, ownership, namespaces, watches."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.provisioner.domain import JsonObject
from services.provisioner.errors import (
    ClusterTimeout,
    ClusterUnavailable,
    NamespaceTerminating,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
)
from services.provisioner.kube.cache import Heard
from services.provisioner.naming import LABEL_MANAGED_BY, LABEL_TENANT
from services.provisioner.objects import Live, Ref, section
from services.provisioner.ownership import handover
from tests.fakes.chassis import ManualClock
from tests.simulation.cluster import SimCluster

NAMESPACE = Ref("v1", "Namespace", "", "ns")
QUOTA = Ref("v1", "ResourceQuota", "ns", "quota")


@dataclass
class Place:
    """A cluster, and time that goes by itself."""

    clock: ManualClock = field(default_factory=ManualClock)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = SimCluster(self.clock, random.Random(1), self.spawn)

    def spawn(self, coro: Coroutine[Any, Any, None]) -> None:
        """Own a task."""
        self.tasks.append(asyncio.get_running_loop().create_task(coro))

    async def go_on(self) -> None:
        """Let time pass for ever, a little at a time."""
        while True:
            await asyncio.sleep(0)
            self.clock.advance(0.01)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    made = Place()
    made.spawn(made.go_on())
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


def content(ref: Ref, **more: Any) -> JsonObject:
    metadata: dict[str, Any] = {
        "name": ref.name,
        "labels": {LABEL_MANAGED_BY: "tollgate", LABEL_TENANT: "ten_1"},
    }
    if ref.namespace:
        metadata["namespace"] = ref.namespace
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, **more}


async def made(place: Place, ref: Ref, **more: Any) -> Live:
    return await place.cluster.create(content(ref, **more), timeout=5.0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells of, while time goes on."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)


async def test_an_object_is_made_once_and_only_into_a_namespace_that_stands(place: Place) -> None:
    with pytest.raises(ObjectGone):
        await made(place, QUOTA)
    await made(place, NAMESPACE)
    await made(place, QUOTA)
    with pytest.raises(ObjectExists):
        await made(place, QUOTA)


async def test_what_is_written_is_pinned_to_exactly_what_was_read(place: Place) -> None:
    cluster = place.cluster
    before = await made(place, NAMESPACE)
    cluster.store.edit(NAMESPACE, lambda stored: stored["metadata"].update(annotations={"a": "b"}))
    for call in (
        cluster.apply(content(NAMESPACE), before, timeout=5.0),
        cluster.strip(before, ["a"], timeout=5.0),
        cluster.change(before, {"metadata": {"labels": {"x": None}}}, timeout=5.0),
        cluster.hand_over(before, [], timeout=5.0),
        cluster.delete(before, timeout=5.0),
    ):
        with pytest.raises(ObjectChanged):
            await call
    assert before.content["metadata"] != cluster.objects[NAMESPACE].content["metadata"]


async def test_an_apply_takes_away_what_we_owned_and_leaves_what_others_own(place: Place) -> None:
    cluster = place.cluster
    await made(place, NAMESPACE)
    live = await made(place, QUOTA, spec={"hard": {"pods": "1", "cpu": "2"}})
    cluster.store.edit(QUOTA, lambda stored: stored["metadata"].update(annotations={"a": "theirs"}))
    wanted = content(QUOTA, spec={"hard": {"cpu": "3"}})
    live = await shown(place, QUOTA)
    fields = handover(live, wanted)
    assert fields is not None
    live = await cluster.hand_over(live, fields, timeout=5.0)
    live = await cluster.apply(wanted, live, timeout=5.0)
    assert section(live.content, "spec") == {"hard": {"cpu": "3"}}
    assert live.annotation("a") == "theirs"
    assert handover(await shown(place, QUOTA), wanted) is None


async def shown(place: Place, ref: Ref) -> Live:
    live = await place.cluster.get(ref, timeout=5.0)
    assert live is not None
    return live


async def test_replicas_that_the_autoscaler_set_stay_when_they_are_not_ours(place: Place) -> None:
    ref = Ref("apps/v1", "Deployment", "ns", "sessions")
    await made(place, NAMESPACE)
    await made(place, ref, spec={"replicas": 5})
    place.cluster.store.scale(ref, 9)
    wanted = content(ref, spec={"revisionHistoryLimit": 2})
    live = await shown(place, ref)
    fields = handover(live, wanted)
    assert fields is not None
    live = await place.cluster.hand_over(live, fields, timeout=5.0)
    live = await place.cluster.apply(wanted, live, timeout=5.0)
    assert live.replicas == 9


async def test_a_namespace_takes_its_time_to_go_with_all_that_is_in_it(place: Place) -> None:
    cluster = place.cluster
    live = await made(place, NAMESPACE)
    await made(place, QUOTA)
    await cluster.delete(live, timeout=5.0)
    assert cluster.objects[NAMESPACE].deleting
    with pytest.raises(NamespaceTerminating):
        await made(place, Ref("v1", "LimitRange", "ns", "limits"))
    await until(lambda: NAMESPACE not in cluster.objects)
    assert QUOTA not in cluster.objects
    await made(place, NAMESPACE)


async def test_a_request_that_hangs_has_had_its_effect_or_not(place: Place) -> None:
    cluster = place.cluster
    cluster.faults.timeout = 1.0
    effects = {True: 0, False: 0}
    for number in range(20):
        ref = Ref("v1", "Namespace", "", f"ns-{number}")
        try:
            await made(place, ref)
        except ClusterTimeout:
            effects[ref in cluster.objects] += 1
    assert min(effects.values()) > 0


async def test_an_overloaded_server_refuses_before_anything_happens(place: Place) -> None:
    place.cluster.faults.unavailable = 1.0
    with pytest.raises(ClusterUnavailable):
        await made(place, NAMESPACE)
    assert not place.cluster.objects


async def test_a_view_hears_of_everything_in_order_and_after_a_while(place: Place) -> None:
    heard: list[Heard] = []
    before = await made(place, NAMESPACE)
    view = place.cluster.view("provisioner-a#1", heard.append)
    await until(lambda: view.ready)
    assert view.objects("ten_1")[NAMESPACE].uid == before.uid
    quota = await made(place, QUOTA)
    told = await view.told("ten_1", {QUOTA: quota.resource_version}, 5.0)
    assert told[QUOTA].uid == quota.uid
    place.cluster.store.remove("kubectl delete", QUOTA, ours=False)
    await until(lambda: QUOTA not in view.objects("ten_1"))
    assert [one.deleted for one in heard] == [False, True]


async def test_a_watch_that_has_to_list_again_misses_nothing(place: Place) -> None:
    place.cluster.faults.expired = 0.5
    await made(place, NAMESPACE)
    view = place.cluster.view("provisioner-a#1", lambda _heard: None)
    for number in range(10):
        await made(place, Ref("v1", "LimitRange", "ns", f"l{number}"))
    await until(lambda: len(view.objects("ten_1")) == 11)


async def test_organizations_are_heard_of_with_their_projects(place: Place) -> None:
    place.cluster.organization("acme", ["web"])
    view = place.cluster.organizations("provisioner-a#1", lambda _name, _version: None)
    await until(lambda: view.ready)
    seen = view.look("acme")
    assert seen.organization is not None
    assert [project.namespace for project in seen.projects] == ["acme-web"]


async def test_the_history_says_who_wrote_what(place: Place) -> None:
    await made(place, NAMESPACE)
    place.cluster.store.edit(NAMESPACE, lambda _stored: None)
    assert [(one.verb, one.ours, one.tenant) for one in place.cluster.history] == [
        ("create", True, "ten_1"),
        ("edit", False, "ten_1"),
    ]
