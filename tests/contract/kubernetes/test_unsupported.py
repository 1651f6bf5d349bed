"""What only the sandbox refuses: it says so instead of doing something else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.kubernetes.cluster import Cluster, connected
from tests.contract.kubernetes.implementations import SANDBOX, running
from tests.contract.kubernetes.objects import config_map, quota


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A sandbox cluster."""
    async with running(SANDBOX) as configuration, connected(configuration, tmp_path) as found:
        yield found


async def test_a_strategic_merge_patch_is_an_unsupported_media_type(sandbox: Cluster) -> None:
    path = f"/api/v1/namespaces/{await sandbox.namespace()}/configmaps"
    await sandbox.call("POST", path, config_map("one"))
    kind = "application/strategic-merge-patch+json"
    answer = await sandbox.call("PATCH", f"{path}/one", {"data": {}}, content_type=kind)
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


async def test_quota_scopes_are_refused(sandbox: Cluster) -> None:
    path = f"/api/v1/namespaces/{await sandbox.namespace()}/resourcequotas"
    body = quota("q", pods="1")
    body["spec"]["scopes"] = ["BestEffort"]
    assert (await sandbox.call("POST", path, body)).status == 422


async def test_protobuf_bodies_are_refused(sandbox: Cluster) -> None:
    path = f"/api/v1/namespaces/{await sandbox.namespace()}/configmaps"
    kind = "application/vnd.kubernetes.protobuf"
    assert (await sandbox.call("POST", path, {}, content_type=kind)).status == 415
