"""The provisioner as the gateway sees it, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from gateway.ports import CapChange, OrganizationQuota, ProjectQuota
from services.chassis.errors import NotFound, Refusal, Unavailable


@dataclass
class MemoryProvisioner:
    """One quota for each organization and project; ``away`` is a cluster that nobody can reach.

    ``refusal`` is what changes are answered with.
    """

    names: ClassVar[Mapping[str, str]] = {
        name: f"requests.{name}" for name in ("cpu", "memory", "storage")
    }
    quotas: dict[str, OrganizationQuota] = field(default_factory=dict)
    projects: dict[tuple[str, str], ProjectQuota] = field(default_factory=dict)
    changes: list[CapChange] = field(default_factory=list)
    removals: list[tuple[str, str]] = field(default_factory=list)
    refusal: Refusal | None = None
    away: bool = False

    async def quota(self, organization: str) -> OrganizationQuota | None:
        """Return what is known of an organization."""
        if self.away:
            raise Unavailable("connection refused to 10.0.0.9")
        return self.quotas.get(organization)

    async def project_quota(self, organization: str, project: str) -> ProjectQuota:
        """Return what bounds a project."""
        if self.away:
            raise Unavailable("connection refused to 10.0.0.9")
        found = self.projects.get((organization, project))
        if found is None:
            raise NotFound(f"There is no project {project!r}.", reason="PROJECT_NOT_FOUND")
        return found

    async def cap_project(self, change: CapChange) -> ProjectQuota:
        """Cap a project, as the cluster would."""
        before = await self.project_quota(change.organization, change.project)
        if self.refusal is not None:
            raise self.refusal
        self.changes.append(change)
        named = {self.names.get(name, name): text for name, text in change.caps.items()}
        kept = {name: text for name, text in before.hard.items() if name not in named}
        hard = kept | {name: text for name, text in named.items() if text is not None}
        return self._keep(change.organization, replace(before, hard=hard, set=bool(hard)))

    async def uncap_project(
        self, organization: str, project: str, *, request_id: str = ""
    ) -> ProjectQuota:
        """Remove a project's own quota."""
        before = await self.project_quota(organization, project)
        self.removals.append((project, request_id))
        return self._keep(organization, replace(before, hard={}, used={}, set=False))

    def _keep(self, organization: str, quota: ProjectQuota) -> ProjectQuota:
        self.projects[organization, quota.project] = quota
        return quota
