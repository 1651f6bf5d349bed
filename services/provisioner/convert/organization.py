"""An organization's quota as its message."""

from services.provisioner.organization.quota import Backend, OrganizationQuota
from tollgate.provisioner.v1 import provisioner_pb2 as pb

_BACKENDS = {
    backend: pb.OrganizationQuota.Backend.Value(f"BACKEND_{backend.value}") for backend in Backend
}


def to_proto_quota(quota: OrganizationQuota) -> pb.OrganizationQuota:
    """Convert a quota."""
    return pb.OrganizationQuota(
        organization=quota.organization,
        backend=_BACKENDS[quota.backend],
        plan=quota.plan,
        limits=quota.limits,
        used=quota.used,
        hard=quota.hard,
        public_ips_used=quota.public_ips_used,
        public_ips_limit=quota.public_ips_limit,
        limit_range=quota.limit_range,
        limit_range_managed=quota.limit_range_managed,
        enforced=quota.enforced,
        projects=[
            pb.Project(
                namespace=project.namespace,
                project=project.name,
                used=project.used,
                hard=project.hard,
            )
            for project in quota.projects
        ],
    )
