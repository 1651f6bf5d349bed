"""Deployments, ReplicaSets, StatefulSets, Jobs and what scales them."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, invalid, required, unsupported
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.objects import Obj, dig, labels_of, meta, name_of, uid_of
from deploy.sandbox.kubernetes.core.selectors import from_label_selector, matches
from deploy.sandbox.kubernetes.kinds.pods import check_template, default_pod_spec
from deploy.sandbox.kubernetes.kinds.rules import KindRules


def _default_template(obj: Obj) -> None:
    template = obj.setdefault("spec", {}).setdefault("template", {})
    meta(template)
    default_pod_spec(template.setdefault("spec", {}))


def _default_deployment(obj: Obj) -> None:
    _default_template(obj)
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")


def _default_replicaset(obj: Obj) -> None:
    _default_template(obj)
    obj["spec"].setdefault("replicas", 1)


def _default_statefulset(obj: Obj) -> None:
    _default_template(obj)
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})


def _create_workload(obj: Obj, _: Clock) -> None:
    obj["status"] = {"replicas": 0} if obj["kind"] != "Deployment" else {}


def _check_workload(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from check_template(spec["template"], "spec.template")
    replicas = spec["replicas"]
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        yield invalid("spec.replicas", replicas, "must be greater than or equal to 0")
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy != "Always":
        yield unsupported("spec.template.spec.restartPolicy", policy, ["Always"])
    selector = spec.get("selector")
    if not selector:
        yield required("spec.selector")
        return
    labels = labels_of(spec["template"])
    if not matches(from_label_selector(selector) or (), labels):
        why = "`selector` does not match template `labels`"
        yield invalid("spec.template.metadata.labels", labels, why)


def _check_deployment(obj: Obj) -> Iterator[Cause]:
    yield from _check_workload(obj)
    strategy = obj["spec"]["strategy"]
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        yield unsupported("spec.strategy", strategy, ["Recreate", "RollingUpdate"])
    rolling = strategy.get("rollingUpdate") or {}
    if all(rolling.get(field) in (0, "0%") for field in ("maxSurge", "maxUnavailable")):
        field, why = (
            "spec.strategy.rollingUpdate.maxUnavailable",
            "may not be 0 when `maxSurge` is 0",
        )
        yield invalid(field, rolling.get("maxUnavailable"), why)


def _check_selector_kept(new: Obj, old: Obj) -> Iterator[Cause]:
    if new["spec"].get("selector") != old["spec"].get("selector"):
        yield invalid("spec.selector", new["spec"].get("selector"), "field is immutable")


def _default_job(obj: Obj) -> None:
    _default_template(obj)
    spec = obj["spec"]
    defaults = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False}
    for field, value in (defaults | {"completionMode": "NonIndexed"}).items():
        spec.setdefault(field, value)


def _create_job(obj: Obj, _: Clock) -> None:
    own = {"batch.kubernetes.io/controller-uid": uid_of(obj)}
    obj["spec"].setdefault("selector", {"matchLabels": own})
    labels = meta(obj["spec"]["template"]).setdefault("labels", {})
    labels |= own | {"batch.kubernetes.io/job-name": name_of(obj)}
    obj["status"] = {}


def _check_job(obj: Obj) -> Iterator[Cause]:
    template = obj["spec"]["template"]
    yield from check_template(template, "spec.template")
    policy = template["spec"].get("restartPolicy")
    if policy not in ("OnFailure", "Never"):
        yield unsupported("spec.template.spec.restartPolicy", policy, ["OnFailure", "Never"])


def _check_job_update(new: Obj, old: Obj) -> Iterator[Cause]:
    for field in ("template", "selector", "completions"):
        if new["spec"].get(field) != old["spec"].get(field):
            yield invalid(f"spec.{field}", new["spec"].get(field), "field is immutable")


def _default_autoscaler(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _create_autoscaler(obj: Obj, _: Clock) -> None:
    obj["status"] = {"desiredReplicas": 0}


def _check_autoscaler(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    for field in ("kind", "name"):
        if not dig(spec, "scaleTargetRef", field):
            yield required(f"spec.scaleTargetRef.{field}")
    if not dig(spec, "scaleTargetRef", "apiVersion"):
        why = "apiVersion must specify API group"
        yield invalid("spec.scaleTargetRef.apiVersion", "", why)
    low, high = spec["minReplicas"], spec.get("maxReplicas", 0)
    if low < 1:
        yield invalid("spec.minReplicas", low, "must be greater than or equal to 1")
    if high < 1:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    elif high < low:
        yield invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`")


DEPLOYMENTS = KindRules(
    _default_deployment, _create_workload, _check_deployment, _check_selector_kept
)
REPLICASETS = KindRules(
    _default_replicaset, _create_workload, _check_workload, _check_selector_kept
)
STATEFULSETS = KindRules(
    _default_statefulset, _create_workload, _check_workload, _check_selector_kept
)
JOBS = KindRules(_default_job, _create_job, _check_job, _check_job_update)
AUTOSCALERS = KindRules(_default_autoscaler, _create_autoscaler, _check_autoscaler)
