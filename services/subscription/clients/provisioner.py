"""The provisioner over gRPC."""

import grpc.aio

from services.subscription.ports import Usage
from tollgate.provisioner.v1 import provisioner_service_pb2 as pb
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub


class GrpcProvisioner:
    """The port ``Provisioner`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ProvisionerServiceStub(channel)

    async def organization_usage(self, organization: str) -> Usage:
        """Return what is in use, public addresses among it."""
        request = pb.GetOrganizationQuotaRequest(organization=organization)
        quota = (await self._stub.GetOrganizationQuota(request)).quota
        return Usage(dict(quota.used) | {"public_ips": str(quota.public_ips_used)})
