"""Questions to the provisioner: what is in use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Usage:
    """What an organization uses, as Kubernetes quantities by the capacity's own names."""

    used: Mapping[str, str]


class Provisioner(Protocol):
    """Questions to the provisioner; asked before a transaction, never in one."""

    async def organization_usage(self, organization: str) -> Usage:
        """Return what is in use.

        NotFound ORGANIZATION_NOT_FOUND, FailedPrecondition ORGANIZATIONS_NOT_SERVED, or
        Unavailable while the cluster was not heard of.
        """
        ...
