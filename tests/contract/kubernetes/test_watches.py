"""Watches: from where they begin, what they show, how they end."""

import asyncio
from typing import Any

import orjson

from tests.contract.kubernetes.cluster import MERGE, Cluster
from tests.contract.kubernetes.objects import config_map


class Reader:
    """Reads the events of one watch."""

    def __init__(self, response: Any) -> None:
        self._response = response

    async def next(self) -> tuple[str, Any]:
        """The next event."""
        async with asyncio.timeout(10):
            event = orjson.loads(await self._response.content.readline())
        return event["type"], event["object"]

    async def until(self, kind: str, name: str) -> Any:
        """Read on to that event."""
        while True:
            found, obj = await self.next()
            if (found, obj["metadata"].get("name")) == (kind, name):
                return obj


async def _path(cluster: Cluster) -> str:
    path = f"/api/v1/namespaces/{await cluster.namespace()}/configmaps"
    await cluster.until(f"{path}/kube-root-ca.crt", lambda answer: answer.status == 200)
    return path


async def test_a_watch_from_a_list_shows_exactly_what_follows(cluster: Cluster) -> None:
    path = await _path(cluster)
    version = (await cluster.call("GET", path)).version
    await cluster.call("POST", path, config_map("one", a="1"))
    async with cluster.stream(path, watch="true", resourceVersion=version) as response:
        reader = Reader(response)
        patch = {"data": {"a": "2"}}
        await cluster.call("PATCH", f"{path}/one", patch, content_type=MERGE)
        await cluster.call("DELETE", f"{path}/one")
        seen = [await reader.next() for _ in range(3)]
    assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in seen]
    assert versions == sorted(set(versions))
    assert versions[0] > int(version)
    assert seen[2][1]["data"] == {"a": "2"}


async def test_a_watch_resumes_after_the_last_event_that_was_seen(cluster: Cluster) -> None:
    path = await _path(cluster)
    version = (await cluster.call("GET", path)).version
    for name in ("one", "two"):
        await cluster.call("POST", path, config_map(name))
    async with cluster.stream(path, watch="true", resourceVersion=version) as response:
        _, first = await Reader(response).next()
    resumed = first["metadata"]["resourceVersion"]
    async with cluster.stream(path, watch="true", resourceVersion=resumed) as response:
        kind, second = await Reader(response).next()
    assert (kind, second["metadata"]["name"]) == ("ADDED", "two")


async def test_without_a_version_a_watch_begins_with_the_present(cluster: Cluster) -> None:
    path = await _path(cluster)
    await cluster.call("POST", path, config_map("one"))
    async with cluster.stream(path, watch="true") as response:
        assert await Reader(response).until("ADDED", "one")


async def test_entering_and_leaving_a_selection_is_added_and_deleted(cluster: Cluster) -> None:
    path = await _path(cluster)
    await cluster.call("POST", path, config_map("one", {"state": "idle"}))
    version = (await cluster.call("GET", path)).version
    query = {"watch": "true", "resourceVersion": version, "labelSelector": "state=idle"}
    async with cluster.stream(path, **query) as response:
        reader = Reader(response)
        for state in ("busy", "idle"):
            patch = {"metadata": {"labels": {"state": state}}}
            await cluster.call("PATCH", f"{path}/one", patch, content_type=MERGE)
        left, last = await reader.next()
        entered, _ = await reader.next()
    assert (left, last["metadata"]["labels"]["state"]) == ("DELETED", "idle")
    assert entered == "ADDED"


async def test_a_watch_ends_in_time_after_a_bookmark(cluster: Cluster) -> None:
    path = await _path(cluster)
    query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "4"}
    version = (await cluster.call("GET", path)).version
    # The real server says where it is two seconds before the end, and only if that is news.
    async with cluster.stream(path, **query, resourceVersion=version) as response:
        await cluster.call("POST", await _path(cluster), config_map("elsewhere"))
        async with asyncio.timeout(10):
            lines = [orjson.loads(line) for line in (await response.read()).splitlines()]
    assert lines[-1]["type"] == "BOOKMARK"
    assert int(lines[-1]["object"]["metadata"]["resourceVersion"]) > int(version)


async def test_initial_events_end_with_a_marked_bookmark(cluster: Cluster) -> None:
    path = await _path(cluster)
    query = {
        "watch": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with cluster.stream(path, **query) as response:
        reader = Reader(response)
        await reader.until("ADDED", "kube-root-ca.crt")
        kind, mark = await reader.next()
    assert kind == "BOOKMARK"
    assert mark["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"


async def test_contradictory_parameters_are_refused(cluster: Cluster) -> None:
    path = await _path(cluster)
    query = {"watch": "true", "resourceVersion": "5", "resourceVersionMatch": "Exact"}
    assert (await cluster.call("GET", path, **query)).status == 422


async def test_the_dynamic_client_watches(cluster: Cluster) -> None:
    path = await _path(cluster)
    namespace = path.split("/")[4]
    maps = await cluster.resource("v1", "ConfigMap")
    await cluster.call("POST", path, config_map("one"))
    names = [
        event["object"].metadata.name
        async for event in maps.watch(namespace=namespace, name="one", timeout=1)
    ]
    assert names == ["one"]
