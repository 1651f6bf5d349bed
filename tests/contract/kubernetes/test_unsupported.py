"""What only the sandbox refuses: it says so instead of doing something else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.kubernetes.cluster import Cluster, connected
from tests.contract.kubernetes.implementations import SANDBOX, running
from tests.contract.kubernetes.objects import quota
from tests.contract.kubernetes.test_wire_formats import KIND, message, protobuf


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A sandbox cluster."""
    async with running(SANDBOX) as configuration, connected(configuration, tmp_path) as found:
        yield found


async def test_quota_scopes_are_refused(sandbox: Cluster) -> None:
    path = f"/api/v1/namespaces/{await sandbox.namespace()}/resourcequotas"
    body = quota("q", pods="1")
    body["spec"]["scopes"] = ["BestEffort"]
    assert (await sandbox.call("POST", path, body)).status == 422


async def test_protobuf_of_types_that_are_not_read_is_refused(sandbox: Cluster) -> None:
    path = f"/apis/apps/v1/namespaces/{await sandbox.namespace()}/deployments"
    answer = await sandbox.call("POST", path, protobuf("apps/v1", "Deployment"), content_type=KIND)
    assert answer.status == 415
    assert "protobuf of kind Deployment" in answer.body["message"]


async def test_a_protobuf_field_that_is_not_read_is_refused_not_dropped(sandbox: Cluster) -> None:
    path = f"/api/v1/namespaces/{await sandbox.namespace()}/serviceaccounts"
    body = protobuf("v1", "ServiceAccount", message(1, message(1, b"one")) + b"\x20\x01")
    answer = await sandbox.call("POST", path, body, content_type=KIND)
    assert answer.status == 415
    assert "field 4 of ServiceAccount" in answer.body["message"]
