"""The rules of each built-in type that has any."""

from deploy.sandbox.kubernetes.kinds.core import (
    CLAIMS,
    CONFIG_MAPS,
    INGRESSES,
    NAMESPACES,
    SECRETS,
    SERVICES,
)
from deploy.sandbox.kubernetes.kinds.definitions import DEFINITIONS
from deploy.sandbox.kubernetes.kinds.leases import LEASES
from deploy.sandbox.kubernetes.kinds.limits import LIMIT_RANGES, QUOTAS
from deploy.sandbox.kubernetes.kinds.networks import NETWORK_POLICIES
from deploy.sandbox.kubernetes.kinds.pods import PODS
from deploy.sandbox.kubernetes.kinds.roles import BINDINGS, ROLES
from deploy.sandbox.kubernetes.kinds.rules import PLAIN, KindRules
from deploy.sandbox.kubernetes.kinds.workloads import (
    AUTOSCALERS,
    DEPLOYMENTS,
    JOBS,
    REPLICASETS,
    STATEFULSETS,
)

_RULES = {
    "namespaces": NAMESPACES,
    "pods": PODS,
    "services": SERVICES,
    "secrets": SECRETS,
    "configmaps": CONFIG_MAPS,
    "persistentvolumeclaims": CLAIMS,
    "resourcequotas": QUOTAS,
    "limitranges": LIMIT_RANGES,
    "deployments.apps": DEPLOYMENTS,
    "replicasets.apps": REPLICASETS,
    "statefulsets.apps": STATEFULSETS,
    "jobs.batch": JOBS,
    "horizontalpodautoscalers.autoscaling": AUTOSCALERS,
    "networkpolicies.networking.k8s.io": NETWORK_POLICIES,
    "ingresses.networking.k8s.io": INGRESSES,
    "leases.coordination.k8s.io": LEASES,
    "roles.rbac.authorization.k8s.io": ROLES,
    "clusterroles.rbac.authorization.k8s.io": ROLES,
    "rolebindings.rbac.authorization.k8s.io": BINDINGS,
    "clusterrolebindings.rbac.authorization.k8s.io": BINDINGS,
    "customresourcedefinitions.apiextensions.k8s.io": DEFINITIONS,
}


def rules_of(resource: str) -> KindRules:
    """The rules of a type; those of custom resources are in their schema."""
    return _RULES.get(resource, PLAIN)
