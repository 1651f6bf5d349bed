"""Faults on demand, and a short history."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import pytest

from deploy.sandbox.kubernetes.cluster import SandboxCluster
from tests.contract.kubernetes.cluster import Cluster, connected
from tests.contract.kubernetes.implementations import configuration_for, sandbox_options
from tests.contract.kubernetes.objects import config_map

FAULTS = "/sandbox/faults"


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A sandbox with the fault hook and a history of five changes."""
    async with (
        SandboxCluster(sandbox_options(faults=True, history=5)) as running,
        connected(configuration_for(running.url), tmp_path) as cluster,
    ):
        yield cluster


@pytest.mark.parametrize(("status", "reason"), [(409, "Conflict"), (500, "InternalError")])
async def test_the_next_matching_requests_fail(faulty: Cluster, status: int, reason: str) -> None:
    path = f"/api/v1/namespaces/{await faulty.namespace()}/configmaps"
    fault = {"verb": "create", "resource": "configmaps", "status": status, "count": 2}
    await faulty.call("POST", FAULTS, fault)
    assert (await faulty.call("GET", path)).status == 200
    for _ in range(2):
        answer = await faulty.call("POST", path, config_map("one"))
        assert (answer.status, answer.body["reason"]) == (status, reason)
    assert (await faulty.call("POST", path, config_map("one"))).status == 201


async def test_too_many_requests_says_when_to_come_back(faulty: Cluster) -> None:
    await faulty.call("POST", FAULTS, {"status": 429, "retryAfter": 7})
    answer = await faulty.call("GET", "/api/v1/pods")
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.body["details"]["retryAfterSeconds"] == 7


async def test_dropped_watches_end(faulty: Cluster) -> None:
    async with faulty.stream("/api/v1/pods", watch="true", resourceVersion="0") as response:
        answer = await faulty.call("POST", FAULTS, {"dropWatches": True})
        assert answer.body == {"dropped": 1}
        assert await response.content.read() == b""


async def test_only_administrators_reach_the_hook(faulty: Cluster) -> None:
    answer = await faulty.call("POST", FAULTS, {"status": 500}, user="carol")
    assert answer.status == 403


async def test_without_the_option_there_is_no_hook(cluster: Cluster) -> None:
    assert (await cluster.call("POST", FAULTS, {"status": 500})).status == 404


async def test_a_version_older_than_the_history_is_expired(faulty: Cluster) -> None:
    path = f"/api/v1/namespaces/{await faulty.namespace()}/configmaps"
    first = await faulty.call("POST", path, config_map("m0"))
    page = await faulty.call("GET", path, limit="1")
    for number in range(1, 8):
        await faulty.call("POST", path, config_map(f"m{number}"))
    async with faulty.stream(path, watch="true", resourceVersion=first.version) as response:
        event = orjson.loads(await response.content.readline())
        assert await response.content.read() == b""
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    token = page.body["metadata"]["continue"]
    answer = await faulty.call("GET", path, **{"continue": token})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


async def test_a_version_from_the_future_is_too_large(faulty: Cluster) -> None:
    answer = await faulty.call("GET", "/api/v1/pods", resourceVersion="99999999")
    assert answer.status == 504
    assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_a_write_can_have_its_effect_and_fail_all_the_same(faulty: Cluster) -> None:
    path = f"/api/v1/namespaces/{await faulty.namespace()}/configmaps"
    fault = {"verb": "create", "resource": "configmaps", "status": 500, "applied": True}
    await faulty.call("POST", FAULTS, fault)
    assert (await faulty.call("POST", path, config_map("one"))).status == 500
    assert (await faulty.call("GET", f"{path}/one")).status == 200
    told = (await faulty.call("GET", FAULTS)).body
    assert told == {"waiting": 0, "struck": {"500 applied": 1}}


@pytest.mark.parametrize("applied", [True, False])
async def test_a_caller_that_is_hung_up_on_gets_no_answer(faulty: Cluster, applied: bool) -> None:
    path = f"/api/v1/namespaces/{await faulty.namespace()}/configmaps"
    fault = {"verb": "create", "resource": "configmaps", "status": 0, "applied": applied}
    await faulty.call("POST", FAULTS, fault)
    with pytest.raises(aiohttp.ClientError):
        await faulty.call("POST", path, config_map("one"))
    expected = 200 if applied else 404
    assert (await faulty.call("GET", f"{path}/one")).status == expected


async def test_a_fault_can_be_meant_for_one_user(faulty: Cluster) -> None:
    await faulty.call("POST", FAULTS, {"status": 500, "user": "somebody-else"})
    assert (await faulty.call("GET", "/api/v1/pods")).status == 200
    assert (await faulty.call("GET", FAULTS)).body["waiting"] == 1


async def test_only_failures_of_the_server_can_come_after_the_effect(faulty: Cluster) -> None:
    assert (await faulty.call("POST", FAULTS, {"status": 409, "applied": True})).status == 400
