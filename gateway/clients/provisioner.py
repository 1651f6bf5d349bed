"""The provisioner over gRPC."""

from collections.abc import Mapping

import grpc.aio

from gateway.ports import OrganizationQuota, Project, QuotaBackend
from services.chassis.errors import FailedPrecondition, NotFound
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.provisioner.v1 import provisioner_service_pb2 as pb
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub

_TIMEOUT = 2.0  # Seconds. Usage decorates an answer that must not wait for it.
_NOT_SERVED = "ORGANIZATIONS_NOT_SERVED"
_BACKENDS: Mapping[int, QuotaBackend] = {
    provisioner_pb2.OrganizationQuota.BACKEND_NATIVE: QuotaBackend.NATIVE,
    provisioner_pb2.OrganizationQuota.BACKEND_HIERARCHICAL: QuotaBackend.HIERARCHICAL,
}


class GrpcProvisioner:
    """The port ``Provisioner`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ProvisionerServiceStub(channel)

    async def quota(self, organization: str) -> OrganizationQuota | None:
        """Return an organization's quota, None if the cluster knows no such organization."""
        request = pb.GetOrganizationQuotaRequest(organization=organization)
        try:
            answer = await self._stub.GetOrganizationQuota(request, timeout=_TIMEOUT)
        except NotFound:
            return None
        except FailedPrecondition as refusal:
            if refusal.reason == _NOT_SERVED:
                return None
            raise
        return _quota(answer.quota)


def _quota(quota: provisioner_pb2.OrganizationQuota) -> OrganizationQuota:
    return OrganizationQuota(
        organization=quota.organization,
        backend=_BACKENDS.get(quota.backend, QuotaBackend.NONE),
        limits=dict(quota.limits),
        used=dict(quota.used),
        hard=dict(quota.hard),
        public_ips_used=quota.public_ips_used,
        public_ips_limit=quota.public_ips_limit if quota.HasField("public_ips_limit") else None,
        limit_range=quota.limit_range,
        limit_range_managed=quota.limit_range_managed,
        enforced=quota.enforced,
        projects=tuple(Project(one.namespace, one.project) for one in quota.projects),
    )
