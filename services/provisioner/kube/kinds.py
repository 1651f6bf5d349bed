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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a custom resource is served."""

    kind: Kind
    plural: str
    namespaced: bool

    def path(self, name: str | None = None, namespace: str | None = None) -> str:
        """Return the path of an object, or of the collection, over all namespaces for none."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        collection = f"/apis/{self.kind.api_version}{inside}/{self.plural}"
        return f"{collection}/{name}" if name else collection


KINDS = (
    Kind("v1", "Namespace"),
    Kind("v1", "ResourceQuota"),
    Kind("v1", "LimitRange"),
    Kind("networking.k8s.io/v1", "NetworkPolicy"),
    Kind("apps/v1", "Deployment"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"),
)

ORGANIZATION = Kind("kube-dc.com/v1", "Organization")
EIP = Kind("kube-dc.com/v1", "EIp")
HIERARCHICAL_QUOTA = Kind("hnc.x-k8s.io/v1alpha2", "HierarchicalResourceQuota")

DEPLOYMENT = Kind("apps/v1", "Deployment")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")
CRON_JOB = Kind("batch/v1", "CronJob")

CONFIG_MAP = Kind("v1", "ConfigMap")
"""Looked at in one namespace only, and only where that is asked for."""

OPTIONAL = (ORGANIZATION, EIP, HIERARCHICAL_QUOTA)
"""Kinds of other systems, which a cluster may serve, or come to serve, or cease to."""
