"""The provisioner, as the gateway sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


class Provisioner(Protocol):
    """The provisioner."""

    async def quota(self, organization: str) -> OrganizationQuota | None:
        """Return an organization's quota, None if the cluster knows no such organization."""
        ...
