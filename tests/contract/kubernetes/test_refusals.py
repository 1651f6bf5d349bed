"""What is refused in the kinds that tenants' namespaces are made of, and with which words."""

from typing import Any

import pytest

from tests.contract.kubernetes.cluster import APPLY, JSON, JSON_PATCH, MERGE, Cluster
from tests.contract.kubernetes.objects import (
    config_map,
    container,
    deployment,
    quota,
    role_binding,
)

CORE = "/api/v1/namespaces/{}/"
APPS = "/apis/apps/v1/namespaces/{}/"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
SCALERS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


def _limits(*items: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "one"}, "spec": {"limits": list(items)}}


def _policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "one"}, "spec": {"podSelector": {}, **spec}}


def _scaler(**spec: Any) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {"metadata": {"name": "one"}, "spec": {"scaleTargetRef": target, **spec}}


def _deployment(**spec: Any) -> dict[str, Any]:
    body = deployment("web", 0)
    body["spec"].update(spec)
    return dict(body)


def _template(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container()], **spec}}


def _metadata(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "one", **metadata}}


def _bound(**changes: Any) -> dict[str, Any]:
    return {**role_binding("one", "view", "carol"), **changes}


_RBAC = "rbac.authorization.k8s.io"
_NO_CEILING = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}
_TOO_HIGH = [{"ports": [{"port": 99999}]}]
_NO_NETWORK = [{"from": [{"ipBlock": {"cidr": "all"}}]}]

INVALID = [
    (f"{CORE}resourcequotas", quota("one", frobs="1"), "spec.hard[frobs]"),
    (f"{CORE}resourcequotas", quota("one", pods="-1"), "spec.hard[pods]"),
    (f"{CORE}resourcequotas", quota("one", pods="1.5"), "spec.hard[pods]"),
    (
        f"{CORE}limitranges",
        _limits({"type": "Pod", "default": {"cpu": "2"}}),
        "spec.limits[0].default",
    ),
    (
        f"{CORE}limitranges",
        _limits({"type": "Container"}, {"type": "Container"}),
        "spec.limits[1].type",
    ),
    (
        f"{CORE}limitranges",
        _limits({"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}),
        "spec.limits[0].min[cpu]",
    ),
    (POLICIES, _policy(policyTypes=["Sideways"]), "spec.policyTypes[0]"),
    (POLICIES, _policy(ingress=_TOO_HIGH), "spec.ingress[0].ports[0].port"),
    (POLICIES, _policy(ingress=_NO_NETWORK), "spec.ingress[0].from[0].ipBlock.cidr"),
    (SCALERS, _scaler(), "spec.maxReplicas"),
    (SCALERS, _scaler(minReplicas=3, maxReplicas=2), "spec.maxReplicas"),
    (SCALERS, _scaler(minReplicas=0, maxReplicas=2), "spec.minReplicas"),
    (
        SCALERS,
        _scaler(maxReplicas=2, scaleTargetRef={"kind": "Deployment", "name": "web"}),
        "spec.scaleTargetRef.apiVersion",
    ),
    (f"{APPS}deployments", _deployment(strategy={"type": "Fast"}), "spec.strategy"),
    (
        f"{APPS}deployments",
        _deployment(strategy=_NO_CEILING),
        "spec.strategy.rollingUpdate.maxUnavailable",
    ),
    (
        f"{APPS}deployments",
        _deployment(template=_template(restartPolicy="Never")),
        "spec.template.spec.restartPolicy",
    ),
    (
        f"{APPS}deployments",
        _deployment(template=_template(containers=[{"name": "main"}])),
        "spec.template.spec.containers[0].image",
    ),
    (f"{APPS}deployments", _deployment(replicas=-1), "spec.replicas"),
    (
        BINDINGS,
        _bound(roleRef={"apiGroup": "other", "kind": "Role", "name": "x"}),
        "roleRef.apiGroup",
    ),
    (BINDINGS, _bound(roleRef={"apiGroup": _RBAC, "kind": "Robot", "name": "x"}), "roleRef.kind"),
    (BINDINGS, _bound(subjects=[{"kind": "Robot", "name": "x"}]), "subjects[0].kind"),
    (
        LEASES,
        {"metadata": {"name": "one"}, "spec": {"leaseDurationSeconds": 0}},
        "spec.leaseDurationSeconds",
    ),
    (f"{CORE}configmaps", _metadata(finalizers=["bare"]), "metadata.finalizers[0]"),
    (f"{CORE}configmaps", _metadata(labels={"a b": "c"}), "metadata.labels"),
    (f"{CORE}configmaps", _metadata(labels={"a": "c d"}), "metadata.labels"),
    (f"{CORE}configmaps", {**config_map("one"), "data": {"a/b": "c"}}, "data[a/b]"),
]


@pytest.mark.parametrize(("path", "body", "field"), INVALID)
async def test_what_breaks_a_kinds_rules_is_invalid_in_its_field(
    cluster: Cluster, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await cluster.call("POST", path.format(await cluster.namespace()), body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in {cause["field"] for cause in answer.body["details"]["causes"]}


OPTIONS = [
    ("POST", JSON, {"dryRun": "Some"}, "dryRun"),
    ("POST", JSON, {"fieldValidation": "Loose"}, "fieldValidation"),
    ("POST", JSON, {"fieldManager": "m" * 129}, "fieldManager"),
    ("PATCH", MERGE, {"force": "true"}, "force"),
]


@pytest.mark.parametrize(("method", "kind", "query", "field"), OPTIONS)
async def test_options_that_mean_nothing_are_invalid(
    cluster: Cluster, method: str, kind: str, query: dict[str, str], field: str
) -> None:
    path = CORE.format(await cluster.namespace()) + "configmaps"
    await cluster.call("POST", path, config_map("one"))
    path += "/one" if method == "PATCH" else ""
    answer = await cluster.call(method, path, config_map("one"), content_type=kind, **query)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == field
    kind_of_options = answer.body["message"].partition(".")[0]
    assert kind_of_options == {"POST": "CreateOptions", "PATCH": "PatchOptions"}[method]


BODIES = [
    ("POST", JSON, {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "one"}}, 400),
    ("POST", JSON, {"metadata": {"name": "two", "namespace": "other"}}, 400),
    ("POST", JSON, {"metadata": {"name": "two", "resourceVersion": "5"}}, 500),
    ("PUT", JSON, {}, 400),
    ("PUT", JSON, config_map("two"), 400),
    ("PUT", JSON, {"metadata": {"name": "one", "uid": "another"}}, 409),
    ("PATCH", MERGE, {"metadata": {"uid": "another"}}, 422),
    ("PATCH", MERGE, {"metadata": {"name": "two"}}, 400),
    ("PATCH", MERGE, {"metadata": {"resourceVersion": "1"}}, 409),
    ("PATCH", MERGE, [], 400),
    ("PATCH", JSON_PATCH, {}, 400),
    ("PATCH", JSON_PATCH, [{"op": "frob", "path": "/data"}], 422),
    ("PATCH", JSON_PATCH, [{"op": "remove", "path": "/data/none"}], 422),
    ("PATCH", JSON_PATCH, [{"op": "add", "path": "/none/deep", "value": 1}], 422),
    ("PATCH", JSON_PATCH, [{"op": "replace", "path": "/data/b", "value": "2"}], 200),
    ("PATCH", APPLY, {"metadata": {"name": "one"}}, 400),
    ("PATCH", APPLY, config_map("two"), 400),
    ("PATCH", "text/plain", {}, 415),
    ("DELETE", JSON, {"propagationPolicy": "Never"}, 422),
    ("DELETE", JSON, {"propagationPolicy": "Orphan", "orphanDependents": True}, 422),
    ("DELETE", JSON, {"gracePeriodSeconds": -1}, 200),
]


@pytest.mark.parametrize(("method", "kind", "body", "status"), BODIES)
async def test_a_body_that_does_not_fit_its_path_is_answered_by_its_status(
    cluster: Cluster, method: str, kind: str, body: Any, status: int
) -> None:
    path = CORE.format(await cluster.namespace()) + "configmaps"
    await cluster.call("POST", path, config_map("one", a="1"))
    path += "" if method == "POST" else "/one"
    answer = await cluster.call(method, path, body, content_type=kind, fieldManager="tester")
    assert answer.status == status, answer.body


async def test_a_conflict_tells_appliers_by_name_and_updaters_with_their_version(
    cluster: Cluster,
) -> None:
    path = CORE.format(await cluster.namespace()) + "configmaps"
    await cluster.apply(f"{path}/one", config_map("one", a="1"), "alice")
    patch = {"data": {"b": "1"}}
    await cluster.call("PATCH", f"{path}/one", patch, content_type=MERGE, fieldManager="hand")
    answer = await cluster.apply(f"{path}/one", config_map("one", a="2", b="2"), "bob")
    assert answer.status == 409
    found = {cause["field"]: cause["message"] for cause in answer.body["details"]["causes"]}
    assert found == {
        ".data.a": 'conflict with "alice"',
        ".data.b": 'conflict with "hand" using v1',
    }


async def test_a_scale_of_nothing_says_nothing(cluster: Cluster) -> None:
    path = APPS.format(await cluster.namespace()) + "deployments"
    await cluster.call("POST", path, deployment("web", 0))
    scale = await cluster.call("GET", f"{path}/web/scale")
    assert scale.body["spec"] == {}
    await cluster.call("PATCH", f"{path}/web/scale", {"spec": {"replicas": 2}}, content_type=MERGE)
    scale = await cluster.call("GET", f"{path}/web/scale")
    assert scale.body["spec"] == {"replicas": 2}
