"""What the watch has told of: waited for, believed by version, and given up in time."""

import asyncio
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.provisioner import naming
from services.provisioner.kube.cache import Heard, ObjectCache
from services.provisioner.kube.kinds import Kind
from services.provisioner.kube.told import Told
from services.provisioner.objects import Live, Ref

QUOTA = Ref("v1", "ResourceQuota", "customer-a", "tollgate-quota")
KIND = Kind("v1", "ResourceQuota")
TENANT = "ten_1"
LONG = 5.0
SHORT = 0.01


class OneKind:
    """All that a cache asks of a cluster here."""

    kinds = (KIND,)


def quota(version: str, pods: str = "50", tenant: str = TENANT, uid: str = "u1") -> Live:
    metadata = {
        "name": QUOTA.name,
        "namespace": QUOTA.namespace,
        "uid": uid,
        "resourceVersion": version,
        "labels": {naming.LABEL_TENANT: tenant},
    }
    content: dict[str, Any] = {
        "apiVersion": QUOTA.api_version,
        "kind": QUOTA.kind,
        "metadata": metadata,
        "spec": {"hard": {"pods": pods}},
    }
    return Live(QUOTA, content)


@pytest.fixture
def cache() -> ObjectCache:
    """A cache that has listed, and found nothing."""

    def hear(_heard: Heard) -> None:
        """Nobody listens."""

    found = ObjectCache(OneKind(), hear, SystemClock())  # type: ignore[arg-type] # see OneKind
    found.listed(KIND, [])
    return found


async def told(cache: ObjectCache, version: str, seconds: float = SHORT) -> Live | None:
    return (await cache.told(TENANT, {QUOTA: version}, seconds)).get(QUOTA)


async def test_an_event_that_came_before_the_answer_to_its_write_counts(cache: ObjectCache) -> None:
    cache.kept(quota("7"))
    assert await told(cache, "7") == quota("7")


async def test_an_event_that_comes_later_is_waited_for(cache: ObjectCache) -> None:
    waiting = asyncio.create_task(told(cache, "7", LONG))
    await asyncio.sleep(0)
    cache.kept(quota("6"))
    await asyncio.sleep(0)
    assert not waiting.done()
    cache.kept(quota("7"))
    assert await waiting == quota("7")


async def test_what_was_written_after_it_is_what_counts(cache: ObjectCache) -> None:
    cache.kept(quota("7"))
    cache.kept(quota("9", pods="999"))
    assert await told(cache, "7") == quota("9", pods="999")


async def test_an_older_state_never_counts(cache: ObjectCache) -> None:
    cache.kept(quota("6"))
    assert await told(cache, "7") is None


async def test_a_state_of_which_nobody_can_tell_whether_it_is_newer_does_not_count(
    cache: ObjectCache,
) -> None:
    # A list in between: the version itself never came by.
    cache.listed(KIND, [quota("9")])
    assert await told(cache, "7") is None


async def test_what_went_after_it_was_told_of_is_not_there(cache: ObjectCache) -> None:
    cache.kept(quota("7"))
    cache.gone(QUOTA)
    assert await told(cache, "7") is None


async def test_what_went_while_another_was_waited_for_is_not_there(cache: ObjectCache) -> None:
    cache.kept(quota("7"))
    other = Ref("v1", "ResourceQuota", "customer-a", "other")
    waiting = asyncio.create_task(cache.told(TENANT, {QUOTA: "7", other: "8"}, LONG))
    await asyncio.sleep(0)
    cache.gone(QUOTA)
    cache._told.note("8")
    assert await waiting == {}


async def test_what_was_given_to_another_tenant_is_not_there(cache: ObjectCache) -> None:
    cache.kept(quota("7"))
    cache.kept(quota("8", tenant="ten_2"))
    assert await told(cache, "7") is None


async def test_a_cache_that_has_not_listed_yet_tells_nothing_at_once() -> None:
    fresh = ObjectCache(OneKind(), lambda _heard: None, SystemClock())  # type: ignore[arg-type] # see OneKind
    fresh.kept(quota("7"))
    assert await told(fresh, "7", LONG) is None


async def test_several_wait_for_the_same_version() -> None:
    versions = Told()
    waiting = [asyncio.create_task(versions.wait({"1", "2"}, LONG)) for _ in range(3)]
    await asyncio.sleep(0)
    versions.note("2")
    versions.note("1")
    async with asyncio.timeout(LONG):
        await asyncio.gather(*waiting)


async def test_who_gives_up_leaves_nothing_behind() -> None:
    versions = Told()
    staying = asyncio.create_task(versions.wait({"1"}, LONG))
    await versions.wait({"1", "2"}, SHORT)
    assert list(versions._waiting) == ["1"]
    versions.note("1")
    await staying
    assert not versions._waiting


async def test_only_the_latest_versions_are_remembered() -> None:
    versions = Told(kept=2)
    for one in ("1", "2", "3"):
        versions.note(one)
    assert [versions.of(one) for one in ("1", "2", "3")] == [False, True, True]
