"""The cluster roles that every cluster has, cut down to the types served here."""

from deploy.sandbox.kubernetes.core.objects import Obj

_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_READABLE = {
    "": [
        "configmaps",
        "events",
        "limitranges",
        "namespaces",
        "namespaces/status",
        "persistentvolumeclaims",
        "persistentvolumeclaims/status",
        "pods",
        "pods/status",
        "resourcequotas",
        "resourcequotas/status",
        "serviceaccounts",
        "services",
        "services/status",
    ],
    "apps": [
        "deployments",
        "deployments/scale",
        "deployments/status",
        "replicasets",
        "replicasets/scale",
        "replicasets/status",
        "statefulsets",
        "statefulsets/scale",
        "statefulsets/status",
    ],
    "autoscaling": ["horizontalpodautoscalers", "horizontalpodautoscalers/status"],
    "batch": ["cronjobs", "cronjobs/status", "jobs", "jobs/status"],
    "networking.k8s.io": ["ingresses", "ingresses/status", "networkpolicies"],
    "policy": ["poddisruptionbudgets", "poddisruptionbudgets/status"],
}
_WRITABLE = {
    "": ["configmaps", "events", "persistentvolumeclaims", "pods", "secrets", "serviceaccounts",
         "services"],
    "apps": ["deployments", "deployments/scale", "replicasets", "replicasets/scale",
             "statefulsets", "statefulsets/scale"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "coordination.k8s.io": ["leases"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}  # fmt: skip
_RBAC = "rbac.authorization.k8s.io"


def _rule(group: str, resources: list[str], verbs: list[str]) -> Obj:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _role(name: str, rules: list[Obj]) -> Obj:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": rules,
    }


def bootstrap_objects() -> list[tuple[str, Obj]]:
    """Roles, bindings, namespaces and the node that stand in a fresh cluster, with their types."""
    view = [_rule(group, resources, _READ) for group, resources in _READABLE.items()]
    secrets = _rule("", ["secrets"], _READ)
    edit = [
        *view,
        secrets,
        *(_rule(group, resources, _WRITE) for group, resources in _WRITABLE.items()),
    ]
    manage_roles = _rule(_RBAC, ["roles", "rolebindings"], _READ + _WRITE)
    reviews = _rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"])
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    own_reviews = [
        _rule("authorization.k8s.io", ["selfsubjectaccessreviews"], ["create"]),
        _rule("authentication.k8s.io", ["selfsubjectreviews"], ["create"]),
    ]
    roles = [
        _role("cluster-admin", everything),
        _role("admin", [*edit, manage_roles, reviews]),
        _role("edit", edit),
        _role("view", view),
        _role("system:basic-user", own_reviews),
    ]
    cluster_roles, bindings = f"clusterroles.{_RBAC}", f"clusterrolebindings.{_RBAC}"
    return [
        *((cluster_roles, role) for role in roles),
        (bindings, _binding("cluster-admin", "system:masters")),
        (bindings, _binding("system:basic-user", "system:authenticated")),
        *(("namespaces", _namespace(name)) for name in ("default", "kube-system", "kube-public")),
        ("nodes", _node()),
    ]


def _binding(role: str, group: str) -> Obj:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": group}],
    }


def _namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _node() -> Obj:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "sandbox-node"}}
