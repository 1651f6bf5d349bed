"""What a change of an object is worth to the provisioner."""

import asyncio
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.provisioner import naming, sessions
from services.provisioner.domain import JsonObject
from services.provisioner.kube.cache import Heard
from services.provisioner.kube.news import Worth, worth
from services.provisioner.kube.slimming import slim
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.objects import Live, ref_of, section
from services.provisioner.worker import DriftFeed
from tests.fakes.chassis import ManualClock
from tests.fakes.memory_queue import QUEUE
from tests.unit.provisioner.world import World, of_nobody, until

WORKLOAD = sessions.deployment_ref("customer-a")


def live(kind: str, name: str = "x", **changes: Any) -> Live:
    """An object as a watch brings it."""
    metadata: JsonObject = {
        "name": name,
        "namespace": "ns",
        "resourceVersion": "7",
        "annotations": {"tollgate.dev/generation": "1"},
        **changes.pop("metadata", {}),
    }
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"a": [1]},
    }
    content |= changes
    return Live(ref_of(content), content)


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"a": [2]}},
        {"data": {"key": "value"}},
        {"metadata": {"labels": {"theirs": "too"}}},
        {"metadata": {"annotations": {"tollgate.dev/generation": "0"}}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {"uid": "another"}},
        {"metadata": {"finalizers": ["a/b"]}},
    ],
)
def test_an_edit_of_anything_that_stands_is_a_change(changes: dict[str, Any]) -> None:
    before, now = live("Deployment"), live("Deployment", **changes)
    assert worth(before, now) is Worth.CHANGE


def test_what_was_never_heard_of_is_a_change() -> None:
    assert worth(None, live("NetworkPolicy")) is Worth.CHANGE


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "Namespace"])
def test_a_status_that_nobody_reads_is_worth_nothing(kind: str) -> None:
    assert worth(live(kind), live(kind, status={"currentReplicas": 3})) is Worth.NOTHING


def test_how_many_pods_are_available_is_news_and_all_else_of_a_rollout_is_not() -> None:
    starting = {"replicas": 2, "unavailableReplicas": 2}
    before = live("Deployment", status=starting)
    assert worth(live("Deployment"), before) is Worth.NEWS
    more = live("Deployment", status={**starting, "updatedReplicas": 2})
    assert worth(before, more) is Worth.NOTHING
    assert worth(before, live("Deployment", status={"availableReplicas": 1})) is Worth.NEWS
    rolled = {
        "resourceVersion": "8",
        "generation": 2,
        "annotations": {
            "tollgate.dev/generation": "1",
            "deployment.kubernetes.io/revision": "1",
        },
    }
    assert worth(before, live("Deployment", metadata=rolled, status=starting)) is Worth.NOTHING


def test_what_an_organization_uses_is_a_change_and_what_a_tenant_uses_is_not() -> None:
    used = {"used": {"pods": "3"}}
    for name, found in ((naming.PLAN_QUOTA, Worth.CHANGE), (naming.QUOTA, Worth.NOTHING)):
        before = live("ResourceQuota", name)
        assert worth(before, live("ResourceQuota", name, status=used)) is found


def test_what_did_not_change_is_kept_once() -> None:
    before = slim(live("Deployment").content)
    content = live("Deployment", status={"replicas": 1}, metadata={"resourceVersion": "8"}).content
    now = slim(content, before)
    assert now == content
    assert now["spec"] is before["spec"]
    kept, known = section(now, "metadata"), section(before, "metadata")
    assert kept["annotations"] is known["annotations"]
    assert "status" not in before


async def test_news_of_a_tenant_rest_longer_than_changes() -> None:
    world = World()
    feed = DriftFeed(world.tx, OwnWrites(), SystemClock(), settle=0.001, rest=0.1)
    loop = asyncio.get_running_loop()
    queued: dict[str, float] = {}

    def all_queued() -> bool:
        for _, key in world.db.committed(QUEUE):
            queued.setdefault(key, loop.time())
        return len(queued) == 2

    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run(of_nobody))
        began = loop.time()
        feed.hear(Heard("ten_news", WORKLOAD, "1", deleted=False, news=True))
        feed.hear(Heard("ten_changed", WORKLOAD, "2", deleted=False))
        await until(all_queued)
        run.cancel()
    assert list(queued) == ["ten_changed", "ten_news"]
    assert queued["ten_news"] - began >= 0.1


async def test_pods_that_become_ready_one_after_the_other_are_one_look_at_their_tenant() -> None:
    world, clock = World(), ManualClock()
    feed = DriftFeed(world.tx, OwnWrites(), clock, settle=0.001, rest=0.1)

    async def rest() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        clock.advance(0.1)
        for _ in range(20):
            await asyncio.sleep(0)

    def asked() -> dict[str, int]:
        return {key: row.generation for (_, key), row in world.db.committed(QUEUE).items()}

    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run(of_nobody))
        feed.hear(Heard("ten_a", WORKLOAD, "1", deleted=False, news=True))
        await rest()
        assert asked() == {}
        feed.hear(Heard("ten_a", WORKLOAD, "2", deleted=False, news=True))
        feed.hear(Heard("ten_b", WORKLOAD, "3", deleted=False, news=True))
        await rest()
        once = asked()
        assert set(once) == {"ten_a"}
        await rest()
        assert asked() == {**once, "ten_b": once["ten_a"] + 1}
        run.cancel()
