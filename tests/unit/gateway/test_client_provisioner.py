"""The provisioner as the gateway's port, over real gRPC with a server that answers what is set."""

from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.clients import GrpcProvisioner
from gateway.ports import QuotaBackend
from services.chassis.errors import FailedPrecondition, NotFound, Refusal, Unavailable
from tests.unit.gateway.scripted import Line, line
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.provisioner.v1 import provisioner_service_pb2 as prov

__all__ = ["line"]


async def test_an_organization_that_the_cluster_does_not_know_has_no_quota(line: Line) -> None:
    client = GrpcProvisioner(line.channel)
    for refusal in (
        NotFound("no", reason="ORGANIZATION_NOT_FOUND"),
        FailedPrecondition("no", reason="ORGANIZATIONS_NOT_SERVED"),
    ):

        def answer(_: Any, refusal: Refusal = refusal) -> Message:
            raise refusal

        line.script.answers["GetOrganizationQuota"] = answer
        assert await client.quota("acme") is None


async def test_a_quota_that_cannot_be_told_is_no_empty_quota(line: Line) -> None:
    def away(_: Any) -> Message:
        raise Unavailable("not heard of yet")

    line.script.answers["GetOrganizationQuota"] = away
    with pytest.raises(Unavailable):
        await GrpcProvisioner(line.channel).quota("acme")


async def test_a_quota_is_read_with_its_projects(line: Line) -> None:
    line.script.answers["GetOrganizationQuota"] = lambda _: prov.GetOrganizationQuotaResponse(
        quota=provisioner_pb2.OrganizationQuota(
            organization="acme",
            backend=provisioner_pb2.OrganizationQuota.BACKEND_NATIVE,
            limits={"cpu": "8"},
            used={"cpu": "1"},
            hard={"requests.cpu": "8300m"},
            public_ips_used=2,
            enforced=True,
            projects=[provisioner_pb2.Project(namespace="acme-web", project="web")],
        )
    )
    quota = await GrpcProvisioner(line.channel).quota("acme")
    assert quota is not None
    assert (quota.backend, quota.limits, quota.used) == (
        QuotaBackend.NATIVE,
        {"cpu": "8"},
        {"cpu": "1"},
    )
    assert (quota.public_ips_used, quota.public_ips_limit) == (2, None)
    assert [(one.namespace, one.name) for one in quota.projects] == [("acme-web", "web")]
