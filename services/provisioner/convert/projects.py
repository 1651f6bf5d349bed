"""Projects' quotas between their messages and the domain."""

import hashlib
from collections.abc import Mapping

from google.protobuf.message import Message

from services.chassis.errors import Violations
from services.chassis.identity import Principal
from services.provisioner.domain import JsonObject
from services.provisioner.objects import section
from services.provisioner.ports import OnceScope
from services.provisioner.projects.quota import ProjectQuota, Wish
from tollgate.provisioner.v1 import provisioner_pb2 as pb
from tollgate.provisioner.v1 import provisioner_service_pb2 as service

_LONGEST_KEY = 255


def from_proto_wish(request: service.UpdateProjectQuotaRequest) -> Wish:
    """Convert a change of caps; InvalidArgument for an amount that the mask leaves out."""
    bad = Violations()
    named = list(request.update_mask.paths) or list(request.hard)
    for name in sorted(set(request.hard) - set(named)):
        bad.add(f"hard['{name}']", "is not named by the update mask")
    bad.raise_if_any()
    given = dict(request.hard)
    return Wish(request.organization, request.project, {name: given.get(name) for name in named})


def from_proto_once(
    request: service.UpdateProjectQuotaRequest | service.DeleteProjectQuotaRequest,
    who: Principal,
    rpc: str,
) -> OnceScope:
    """Return whose idempotency key it is; InvalidArgument for one that is too long."""
    bad = Violations()
    if len(request.request_id) > _LONGEST_KEY:
        bad.add("request_id", f"is at most {_LONGEST_KEY} characters")
    bad.raise_if_any()
    return OnceScope(
        account=request.organization,
        actor=who.subject,
        rpc=rpc,
        key=request.request_id,
        request_hash=_digest(request),
    )


def to_proto_project_quota(quota: ProjectQuota) -> pb.ProjectQuota:
    """Convert what bounds a project."""
    return pb.ProjectQuota(
        organization=quota.organization,
        project=quota.project,
        namespace=quota.namespace,
        set=quota.set,
        hard=quota.hard,
        used=quota.used,
        plan_hard=quota.plan_hard,
        plan_used=quota.plan_used,
        limits=[_item(one) for one in quota.limits],
    )


def _item(item: JsonObject) -> pb.LimitRangeItem:
    return pb.LimitRangeItem(
        type=str(item.get("type", "")),
        default=_amounts(item, "default"),
        default_request=_amounts(item, "defaultRequest"),
        max=_amounts(item, "max"),
        min=_amounts(item, "min"),
        max_limit_request_ratio=_amounts(item, "maxLimitRequestRatio"),
    )


def _amounts(item: JsonObject, name: str) -> Mapping[str, str]:
    return {resource: str(amount) for resource, amount in section(item, name).items()}


def _digest(
    request: service.UpdateProjectQuotaRequest | service.DeleteProjectQuotaRequest,
) -> bytes:
    plain: Message = type(request)()
    plain.CopyFrom(request)
    plain.ClearField("request_id")
    return hashlib.sha256(plain.SerializeToString(deterministic=True)).digest()
