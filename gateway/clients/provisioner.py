"""The provisioner over gRPC."""

from collections.abc import Mapping

import grpc.aio
from google.protobuf.field_mask_pb2 import FieldMask

from gateway.ports import (
    CapChange,
    LimitRangeItem,
    OrganizationQuota,
    Project,
    ProjectQuota,
    QuotaBackend,
)
from services.chassis.errors import FailedPrecondition, NotFound
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.provisioner.v1 import provisioner_service_pb2 as pb
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub

_TIMEOUT = 2.0  # Seconds. Usage decorates an answer that must not wait for it.
_CAPPING = 10.0
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

    async def project_quota(self, organization: str, project: str) -> ProjectQuota:
        """Return what bounds a project."""
        request = pb.GetProjectQuotaRequest(organization=organization, project=project)
        answer = await self._stub.GetProjectQuota(request, timeout=_TIMEOUT)
        return _project_quota(answer.quota)

    async def cap_project(self, change: CapChange) -> ProjectQuota:
        """Cap a project."""
        request = pb.UpdateProjectQuotaRequest(
            organization=change.organization,
            project=change.project,
            hard={name: text for name, text in change.caps.items() if text is not None},
            update_mask=FieldMask(paths=sorted(change.caps)),
            request_id=change.request_id,
        )
        answer = await self._stub.UpdateProjectQuota(request, timeout=_CAPPING)
        return _project_quota(answer.quota)

    async def uncap_project(
        self, organization: str, project: str, *, request_id: str = ""
    ) -> ProjectQuota:
        """Remove a project's own quota."""
        request = pb.DeleteProjectQuotaRequest(
            organization=organization, project=project, request_id=request_id
        )
        answer = await self._stub.DeleteProjectQuota(request, timeout=_CAPPING)
        return _project_quota(answer.quota)


def _project_quota(quota: provisioner_pb2.ProjectQuota) -> ProjectQuota:
    return ProjectQuota(
        project=quota.project,
        namespace=quota.namespace,
        set=quota.set,
        hard=dict(quota.hard),
        used=dict(quota.used),
        plan_hard=dict(quota.plan_hard),
        plan_used=dict(quota.plan_used),
        limits=tuple(
            LimitRangeItem(
                one.type,
                dict(one.default),
                dict(one.default_request),
                dict(one.max),
                dict(one.min),
                dict(one.max_limit_request_ratio),
            )
            for one in quota.limits
        ),
    )


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
