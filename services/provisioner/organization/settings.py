"""What differs between installations that otherwise look the same."""

from dataclasses import dataclass
from enum import StrEnum

from services.provisioner import naming


class BackendChoice(StrEnum):
    """Which objects hold the quota."""

    AUTO = "auto"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    """How the upstream contradictions are decided here.

    ``suspended_limits_ratio`` is what limits are of requests while suspended, 1 or 2.
    ``projects_assumed`` is for how many projects the overhead is added, None for as many as there
    are. ``backend`` AUTO takes the hierarchical quota wherever its kind is served. ``pace`` is the
    least time in seconds between two divisions of one organization that usage alone asks for.
    ``project_quota`` is what the ResourceQuota is called that caps a single project.
    """

    suspended_limits_ratio: int = 1
    projects_assumed: int | None = None
    backend: BackendChoice = BackendChoice.AUTO
    pace: float = 1.0
    project_quota: str = naming.PROJECT_QUOTA
