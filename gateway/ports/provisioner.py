"""The provisioner, as the gateway sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class QuotaBackend(StrEnum):
    """What enforces an organization's quota; without a plan nothing does."""

    NONE = "none"
    NATIVE = "native"
    HIERARCHICAL = "hierarchical"


@dataclass(frozen=True, slots=True)
class Project:
    """A project of an organization, and its namespace."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class OrganizationQuota:
    """What an organization may use and uses, as Kubernetes quantities.

    ``limits`` and ``used`` go by the capacity's own names (cpu, memory, storage, pods) and leave
    the system's overhead out, ``hard`` goes by those of Kubernetes.
    """

    organization: str
    backend: QuotaBackend
    limits: Mapping[str, str]
    used: Mapping[str, str]
    hard: Mapping[str, str]
    public_ips_used: int
    public_ips_limit: int | None
    limit_range: bool
    limit_range_managed: bool
    enforced: bool
    projects: Sequence[Project]


@dataclass(frozen=True, slots=True)
class LimitRangeItem:
    """Defaults and bounds of one type of object; an empty mapping is none."""

    type: str
    default: Mapping[str, str] = field(default_factory=dict)
    default_request: Mapping[str, str] = field(default_factory=dict)
    max: Mapping[str, str] = field(default_factory=dict)
    min: Mapping[str, str] = field(default_factory=dict)
    max_limit_request_ratio: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectQuota:
    """What bounds a project, as quantities by the names of Kubernetes.

    ``set`` says that it has a quota of its own; ``plan_hard`` is what the organization's allows in
    its namespace.
    """

    project: str
    namespace: str
    set: bool
    hard: Mapping[str, str]
    used: Mapping[str, str]
    plan_hard: Mapping[str, str]
    plan_used: Mapping[str, str]
    limits: Sequence[LimitRangeItem]


@dataclass(frozen=True, slots=True)
class CapChange:
    """Caps of a project: of cpu, memory, storage, pods a quantity, None to lift the cap.

    What is not named stays as it is. The same ``request_id`` with the same content is done once.
    """

    organization: str
    project: str
    caps: Mapping[str, str | None]
    request_id: str = ""


class Provisioner(Protocol):
    """The provisioner."""

    async def quota(self, organization: str) -> OrganizationQuota | None:
        """Return an organization's quota, None if the cluster knows no such organization."""
        ...

    async def project_quota(self, organization: str, project: str) -> ProjectQuota:
        """Return what bounds a project; NotFound, PermissionDenied."""
        ...

    async def cap_project(self, change: CapChange) -> ProjectQuota:
        """Cap a project, and return what then bounds it.

        NotFound, PermissionDenied, InvalidArgument; above the organization's own limit that has the
        reason QUOTA_EXCEEDED.
        """
        ...

    async def uncap_project(
        self, organization: str, project: str, *, request_id: str = ""
    ) -> ProjectQuota:
        """Remove a project's own quota, and return what then bounds it; NotFound."""
        ...
