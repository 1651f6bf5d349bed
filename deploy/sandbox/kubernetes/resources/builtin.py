"""The built-in types, as one table."""

from deploy.sandbox.kubernetes.resources.definition import (
    ALL_VERBS,
    ResourceType,
    ScalePaths,
    Version,
)

_CREATE_ONLY = ("create",)
_ONE_BY_ONE = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
_WORKLOAD = ScalePaths()


def _type(
    group: str,
    version: str,
    kind: str,
    plural: str,
    *short: str,
    namespaced: bool = True,
    status: bool = False,
    scale: ScalePaths | None = None,
    generation: bool = False,
    verbs: tuple[str, ...] = ALL_VERBS,
    style: str = "subdomain",
    other: tuple[str, ...] = (),
    everything: bool = False,
) -> ResourceType:
    return ResourceType(
        group=group,
        kind=kind,
        plural=plural,
        namespaced=namespaced,
        versions=(Version(version, status=status, scale=scale, other_subresources=other),),
        storage_version=version,
        short_names=short,
        categories=("all",) if everything else (),
        verbs=verbs,
        name_style=style,
        generation=generation,
    )


_CORE = (
    _type(
        "",
        "v1",
        "Namespace",
        "namespaces",
        "ns",
        namespaced=False,
        status=True,
        verbs=_ONE_BY_ONE,
        style="label",
        other=("finalize",),
    ),
    _type("", "v1", "Node", "nodes", "no", namespaced=False, status=True),
    _type(
        "",
        "v1",
        "Pod",
        "pods",
        "po",
        status=True,
        generation=True,
        everything=True,
        other=("eviction",),
    ),
    _type("", "v1", "Service", "services", "svc", status=True, style="label1035", everything=True),
    _type("", "v1", "Secret", "secrets"),
    _type("", "v1", "ConfigMap", "configmaps", "cm"),
    _type("", "v1", "ServiceAccount", "serviceaccounts", "sa"),
    _type("", "v1", "ResourceQuota", "resourcequotas", "quota", status=True),
    _type("", "v1", "LimitRange", "limitranges", "limits"),
    _type("", "v1", "Event", "events", "ev"),
    _type("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", status=True),
)
_APPS = (
    _type(
        "apps",
        "v1",
        "Deployment",
        "deployments",
        "deploy",
        status=True,
        scale=_WORKLOAD,
        generation=True,
        everything=True,
    ),
    _type(
        "apps",
        "v1",
        "ReplicaSet",
        "replicasets",
        "rs",
        status=True,
        scale=_WORKLOAD,
        generation=True,
        everything=True,
    ),
    _type(
        "apps",
        "v1",
        "StatefulSet",
        "statefulsets",
        "sts",
        status=True,
        scale=_WORKLOAD,
        generation=True,
        everything=True,
    ),
    _type(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        status=True,
        everything=True,
    ),
    _type("batch", "v1", "Job", "jobs", status=True, generation=True, everything=True),
    _type(
        "batch", "v1", "CronJob", "cronjobs", "cj", status=True, generation=True, everything=True
    ),
)
_RBAC = "rbac.authorization.k8s.io"
_REVIEWS = "authorization.k8s.io"
_POLICY = (
    _type("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", generation=True),
    _type("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", status=True, generation=True),
    _type(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "pdb",
        status=True,
        generation=True,
    ),
    _type("coordination.k8s.io", "v1", "Lease", "leases"),
    _type(_RBAC, "v1", "Role", "roles", style="path"),
    _type(_RBAC, "v1", "RoleBinding", "rolebindings", style="path"),
    _type(_RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False, style="path"),
    _type(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False, style="path"),
    _type(
        _REVIEWS,
        "v1",
        "SubjectAccessReview",
        "subjectaccessreviews",
        namespaced=False,
        verbs=_CREATE_ONLY,
    ),
    _type(
        _REVIEWS,
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        namespaced=False,
        verbs=_CREATE_ONLY,
    ),
    _type(
        "authentication.k8s.io",
        "v1",
        "SelfSubjectReview",
        "selfsubjectreviews",
        namespaced=False,
        verbs=_CREATE_ONLY,
    ),
    _type(
        _REVIEWS, "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=_CREATE_ONLY
    ),
    _type(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd",
        "crds",
        namespaced=False,
        status=True,
        generation=True,
    ),
)

METRICS_GROUP = "metrics.k8s.io"
# Of another server, on a real cluster: nothing of it is stored.
_MEASURED = (_type(METRICS_GROUP, "v1beta1", "PodMetrics", "pods", verbs=("get", "list")),)

BUILTIN_TYPES = (*_CORE, *_APPS, *_POLICY, *_MEASURED)
