"""The workload of a tenant: the Deployment ``sessions`` and its autoscaler.

Replicas belong to the autoscaler. We say how many there are in three cases only: when the
Deployment is made, when it is taken out of use, and when it comes back. At all other times
``spec.replicas`` is left out of what we apply, and given up in the managed fields beforehand
(see ``ownership``).
"""

from services.provisioner import naming
from services.provisioner.domain import Autoscale, Json, JsonObject, NamespaceCapacity, Workload
from services.provisioner.objects import Live, Ref, section
from services.provisioner.stamp import Stamp

_COMPONENT = "sessions"


def deployment_ref(namespace: str) -> Ref:
    """Return what names the Deployment."""
    return Ref("apps/v1", "Deployment", namespace, naming.SESSIONS)


def autoscaler_ref(namespace: str) -> Ref:
    """Return what names the autoscaler."""
    return Ref("autoscaling/v2", "HorizontalPodAutoscaler", namespace, naming.SESSIONS)


def deployment(stamp: Stamp, capacity: NamespaceCapacity, workload: Workload) -> JsonObject:
    """Return the Deployment as the order wants it: all of it but how many replicas there are."""
    return stamp.manifest(
        deployment_ref(stamp.namespace),
        _COMPONENT,
        {
            "spec": {
                "revisionHistoryLimit": 2,
                "selector": {"matchLabels": _selected(stamp)},
                "template": _template(stamp, workload),
            }
        },
        annotations={naming.ANNOTATION_WARM_POOL: str(capacity.warm_pool)},
    )


def with_replicas(
    wanted: JsonObject, capacity: NamespaceCapacity, live: Live | None, *, running: bool
) -> JsonObject:
    """Return the Deployment as it should be, given how it is."""
    least = capacity.least_replicas
    replicas, kept = (
        (_running_replicas(capacity, live), None) if running else _suspended(live, least)
    )
    return _with_replicas(wanted, replicas, kept)


def autoscaler(stamp: Stamp, capacity: NamespaceCapacity, scale: Autoscale) -> JsonObject:
    """Return the autoscaler; it rests by itself while the Deployment has no replicas."""
    target: JsonObject = {"type": "Utilization", "averageUtilization": scale.cpu_percent}
    ref = deployment_ref(stamp.namespace)
    return stamp.manifest(
        autoscaler_ref(stamp.namespace),
        _COMPONENT,
        {
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": ref.api_version,
                    "kind": ref.kind,
                    "name": ref.name,
                },
                # Never below the warm pool: the autoscaler would take it apart when nobody works.
                "minReplicas": capacity.least_replicas,
                "maxReplicas": scale.max,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            }
        },
    )


def _with_replicas(wanted: JsonObject, replicas: int | None, kept: int | None) -> JsonObject:
    # Added to what is signed already: they follow the cluster, not the order.
    if replicas is not None:
        wanted = {**wanted, "spec": {**section(wanted, "spec"), "replicas": replicas}}
    if kept is not None:
        metadata = section(wanted, "metadata")
        noted = {**section(metadata, "annotations"), naming.ANNOTATION_REPLICAS: str(kept)}
        wanted = {**wanted, "metadata": {**metadata, "annotations": noted}}
    return wanted


def _running_replicas(capacity: NamespaceCapacity, live: Live | None) -> int | None:
    least = capacity.least_replicas
    if live is None:
        return least
    kept = live.annotation(naming.ANNOTATION_REPLICAS)
    if kept.isascii() and kept.isdigit():
        return int(kept)
    if capacity.autoscale is None:
        return least
    # An autoscaler never lifts a Deployment from none: somebody else scaled it down.
    return least if live.replicas == 0 else None


def _suspended(live: Live | None, least: int) -> tuple[int, int]:
    if live is None:
        return 0, least
    kept = live.annotation(naming.ANNOTATION_REPLICAS)
    if kept.isascii() and kept.isdigit():
        return 0, int(kept)
    return 0, least if live.replicas is None else live.replicas


def _selected(stamp: Stamp) -> dict[str, str]:
    # Selectors never change. A warm pod that is given to a session leaves the selection when its
    # pool state is changed, and the Deployment starts another in its place.
    return {
        "app.kubernetes.io/name": naming.SESSIONS,
        naming.LABEL_TENANT: stamp.tenant_id,
        naming.LABEL_POOL_STATE: "idle",
    }


def _template(stamp: Stamp, workload: Workload) -> JsonObject:
    labels = {**stamp.labels(naming.SESSIONS, _COMPONENT), **_selected(stamp)}
    return {
        "metadata": {"labels": labels},
        "spec": {
            # Nothing in the pods talks to the cluster, so they get no way to.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(workload)],
        },
    }


def _container(workload: Workload) -> JsonObject:
    container: dict[str, Json] = {
        "name": naming.SESSIONS,
        "image": workload.image,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    resources: dict[str, Json] = {
        name: dict(amounts)
        for name, amounts in (("requests", workload.requests), ("limits", workload.limits))
        if amounts
    }
    if resources:
        container["resources"] = resources
    if workload.args:
        container["args"] = list(workload.args)
    if workload.port:
        container["ports"] = [{"name": "main", "containerPort": workload.port, "protocol": "TCP"}]
    return container
