"""Pods and pod templates."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import (
    Cause,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.names import check_labels, name_problem
from deploy.sandbox.kubernetes.core.objects import Obj, containers_of, copy_of, meta
from deploy.sandbox.kubernetes.kinds.amounts import canonicalise, check_resources
from deploy.sandbox.kubernetes.kinds.rules import KindRules

_SPEC_DEFAULTS: Obj = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}
_NODE = "sandbox-node"
_MUTABLE_SPEC = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


def default_pod_spec(spec: Obj) -> None:
    """What the real server fills into every pod spec, in templates too."""
    for field, value in _SPEC_DEFAULTS.items():
        spec.setdefault(field, value)
    spec.setdefault("securityContext", {})
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for _, container in containers_of(spec):
        _default_container(container)


def _default_container(container: Obj) -> None:
    container.setdefault("resources", {})
    canonicalise(container["resources"], "limits", "requests")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = tag == "latest" or (not tag and "@" not in image)
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")


def _default_pod(pod: Obj) -> None:
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    for _, container in containers_of(spec):
        resources = container["resources"]
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **resources.get("requests", {})}


def _create_pod(pod: Obj, _: Clock) -> None:
    spec = pod["spec"]
    spec.setdefault("serviceAccountName", "default")
    # There is one node, and it has room: a pod need not wait to be bound.
    spec.setdefault("nodeName", _NODE)
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    pod["status"] = {"phase": "Pending", "qosClass": _qos_class(spec)}


def _qos_class(spec: Obj) -> str:
    resources = [container["resources"] for _, container in containers_of(spec)]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"
    guaranteed = all(
        {"cpu", "memory"} <= (item.get("limits") or {}).keys()
        and item.get("requests") == item.get("limits")
        for item in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def check_template(template: Obj, field: str) -> Iterator[Cause]:
    """What is wrong with a pod template."""
    yield from check_labels(meta(template).get("labels") or {}, f"{field}.metadata.labels")
    yield from check_pod_spec(template.get("spec") or {}, f"{field}.spec")


def check_pod_spec(spec: Obj, field: str) -> Iterator[Cause]:
    """What is wrong with a pod spec."""
    if not spec.get("containers"):
        yield required(f"{field}.containers")
    names: set[str] = set()
    for path, container in containers_of(spec):
        at = f"{field}.{path}"
        yield from _check_container(container, at)
        if container.get("name") in names:
            yield duplicate(f"{at}.name", container["name"])
        names.add(container.get("name", ""))
    policy = spec.get("restartPolicy")
    if policy not in ("Always", "OnFailure", "Never"):
        yield unsupported(f"{field}.restartPolicy", policy, ["Always", "OnFailure", "Never"])


def _check_container(container: Obj, field: str) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield required(f"{field}.name")
    elif why := name_problem(name, "label"):
        yield invalid(f"{field}.name", name, why)
    if not container.get("image"):
        yield required(f"{field}.image")
    for index, port in enumerate(container.get("ports") or []):
        number = port.get("containerPort")
        if not isinstance(number, int) or not 0 < number < 65536:
            at = f"{field}.ports[{index}].containerPort"
            yield invalid(at, number, "must be between 1 and 65535, inclusive")
    yield from check_resources(container.get("resources") or {}, f"{field}.resources")


def _check_pod(pod: Obj) -> Iterator[Cause]:
    yield from check_pod_spec(pod["spec"], "spec")


def _check_pod_update(new: Obj, old: Obj) -> Iterator[Cause]:
    if _frozen_part(new["spec"], old["spec"]) != _frozen_part(old["spec"], old["spec"]):
        why = (
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
            "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to "
            "be set to 1 if it was previously negative)"
        )
        yield forbidden("spec", why)


def _frozen_part(spec: Obj, old: Obj) -> Obj:
    frozen = copy_of({k: v for k, v in spec.items() if k not in _MUTABLE_SPEC})
    for _, container in containers_of(frozen):
        container.pop("image", None)
    # Binding a pod to its node is the one later change of the spec.
    if not old.get("nodeName"):
        frozen.pop("nodeName", None)
    return frozen


PODS = KindRules(_default_pod, _create_pod, _check_pod, _check_pod_update)
