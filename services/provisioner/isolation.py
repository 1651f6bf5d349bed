"""The fence of a tenant: its namespace, what it may use, whom it may talk to, and who may enter."""

from collections.abc import Mapping

from services.provisioner import naming
from services.provisioner.domain import ContainerLimits, Json, JsonObject, NamespaceCapacity
from services.provisioner.objects import Ref, section
from services.provisioner.stamp import Stamp

_POD_SECURITY = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
}
_ISOLATION = "isolation"
_NETWORKING = "networking.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io"
_DNS_NAMESPACE = "kube-system"
_DNS_PORT = 53


def namespace_ref(name: str) -> Ref:
    """Return what names a namespace."""
    return Ref("v1", "Namespace", "", name)


def owner_ref(namespace: str) -> Ref:
    """Return what names the binding by which the owner enters."""
    return Ref(f"{_RBAC}/v1", "RoleBinding", namespace, naming.OWNER_BINDING)


def namespace(stamp: Stamp, claim: str) -> JsonObject:
    """Return the namespace, closed to pods that are not restricted."""
    return stamp.manifest(
        namespace_ref(stamp.namespace),
        "tenant",
        {},
        labels=_POD_SECURITY,
        annotations={naming.ANNOTATION_CLAIM: claim},
    )


def fences(stamp: Stamp, capacity: NamespaceCapacity) -> list[JsonObject]:
    """Return what has to stand before anybody or anything of the tenant's is let in."""
    limits = _limit_range(stamp, capacity.container)
    return [
        _quota(stamp, capacity.quota),
        *([limits] if limits is not None else []),
        _policy(stamp, naming.DENY_ALL, {"policyTypes": ["Ingress", "Egress"]}),
        _policy(stamp, naming.ALLOW_DNS, _dns()),
        _policy(stamp, naming.ALLOW_INSIDE, _inside()),
    ]


def owner_binding(stamp: Stamp) -> JsonObject:
    """Return the binding by which the owner enters: a person, or whoever claims the account."""
    order = stamp.order
    kind, name = (
        ("User", order.owner_subject)
        if order.owner_subject
        else ("Group", naming.account_group(order.account))
    )
    return stamp.manifest(
        owner_ref(stamp.namespace),
        "access",
        {
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": naming.OWNER_ROLE},
            "subjects": [{"apiGroup": _RBAC, "kind": kind, "name": name}],
        },
    )


def limits_ref(namespace: str) -> Ref:
    """Return what names the bounds of containers."""
    return Ref("v1", "LimitRange", namespace, naming.LIMITS)


def _quota(stamp: Stamp, quota: Mapping[str, str]) -> JsonObject:
    ref = stamp.ref("v1", "ResourceQuota", naming.QUOTA)
    return stamp.manifest(ref, _ISOLATION, {"spec": {"hard": dict(quota)}})


def bounds(limits: ContainerLimits) -> list[Json]:
    """Return the items of a LimitRange; none for containers that are not bounded."""
    container = _bounds(
        "Container",
        default=limits.default_limits,
        defaultRequest=limits.default_requests,
        max=limits.max,
        min=limits.min,
    )
    pod = _bounds("Pod", max=limits.max_pod)
    claim = _bounds(
        "PersistentVolumeClaim", max=limits.max_volume_claim, min=limits.min_volume_claim
    )
    return [item for item in (container, pod, claim) if item is not None]


def _limit_range(stamp: Stamp, limits: ContainerLimits) -> JsonObject | None:
    items = bounds(limits)
    if not items:
        return None
    return stamp.manifest(limits_ref(stamp.namespace), _ISOLATION, {"spec": {"limits": items}})


def _bounds(kind: str, **bounds: Mapping[str, str]) -> JsonObject | None:
    given = {name: dict(values) for name, values in bounds.items() if values}
    return {"type": kind, **given} if given else None


def _policy(stamp: Stamp, name: str, spec: JsonObject) -> JsonObject:
    ref = stamp.ref(_NETWORKING, "NetworkPolicy", name)
    wanted = stamp.manifest(ref, _ISOLATION, {"spec": {"podSelector": {}, **spec}})
    # An apply takes from others only what it names. Added to what is signed already: it orders
    # nothing, and versions of us that do not name it would sign another.
    return {**wanted, "spec": {"ingress": [], "egress": [], **section(wanted, "spec")}}


def _dns() -> JsonObject:
    # The cluster sets this label itself, so nobody can call another namespace kube-system.
    cluster = {"matchLabels": {"kubernetes.io/metadata.name": _DNS_NAMESPACE}}
    ports = [{"protocol": protocol, "port": _DNS_PORT} for protocol in ("UDP", "TCP")]
    return {
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"namespaceSelector": cluster}], "ports": ports}],
    }


def _inside() -> JsonObject:
    peers: list[Json] = [{"podSelector": {}}]
    return {
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": peers}],
        "egress": [{"to": peers}],
    }
