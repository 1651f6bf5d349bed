"""The kinds of objects that the provisioner makes and watches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """One kind, as an object of it says."""

    api_version: str
    kind: str

    @property
    def group(self) -> str:
        """Its API group, empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """Its version within the group."""
        return self.api_version.rpartition("/")[2]


KINDS = (
    Kind("v1", "Namespace"),
    Kind("v1", "ResourceQuota"),
    Kind("v1", "LimitRange"),
    Kind("networking.k8s.io/v1", "NetworkPolicy"),
    Kind("apps/v1", "Deployment"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"),
)
