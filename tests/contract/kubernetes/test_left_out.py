"""What only the real API server does: the sandbox leaves it out, with the reason in `left_out`."""

import sys
from typing import Any
from uuid import uuid4

from tests.contract.kubernetes.cluster import Cluster
from tests.contract.kubernetes.left_out import LEFT_OUT
from tests.contract.kubernetes.objects import config_map, definition, pod

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def test_each_exception_names_a_test() -> None:
    here = vars(sys.modules[__name__])
    assert [name for name in LEFT_OUT if name not in here] == []


async def _namespace(cluster: Cluster) -> str:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.until(f"{here}/serviceaccounts/default", lambda answer: answer.status == 200)
    return here


async def test_a_rule_in_cel_is_enforced(cluster: Cluster) -> None:
    group = f"t{uuid4().hex[:8]}.example.com"
    body = definition(group)
    schema = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["x-kubernetes-validations"] = [
        {"rule": "self.size != 7", "message": "seven is not for sale"}
    ]
    assert (await cluster.call("POST", CRDS, body)).status == 201
    await cluster.until(f"/apis/{group}/v1", lambda answer: answer.status == 200)
    path = f"/apis/{group}/v1/namespaces/{await cluster.namespace()}/widgets"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}}
    answer = await cluster.call("POST", path, {**widget, "spec": {"size": 7}})
    assert answer.status == 422
    assert "seven is not for sale" in answer.body["message"]
    await cluster.call("DELETE", f"{CRDS}/widgets.{group}")


async def test_a_disruption_budget_holds_an_eviction_back(cluster: Cluster) -> None:
    here = await _namespace(cluster)
    budgets = f"{here.replace('/api/v1', '/apis/policy/v1')}/poddisruptionbudgets"
    selector = {"matchLabels": {"app": "a"}}
    spec = {"minAvailable": 1, "selector": selector}
    await cluster.call("POST", budgets, {"metadata": {"name": "b"}, "spec": spec})
    await cluster.call("POST", f"{here}/pods", pod("a", {"app": "a"}))
    await cluster.until(
        f"{budgets}/b", lambda found: found.body.get("status", {}).get("currentHealthy") == 1
    )
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    answer = await cluster.call("POST", f"{here}/pods/a/eviction", eviction)
    assert (answer.status, answer.body["reason"]) == (429, "TooManyRequests")


async def test_unknown_fields_of_built_in_types_are_dropped_or_refused(cluster: Cluster) -> None:
    path = f"{await _namespace(cluster)}/configmaps"
    body = {**config_map("one"), "unheard": 1}
    dropped = await cluster.call("POST", path, body, dryRun="All")
    assert "unheard" not in dropped.body
    assert "unheard" in dropped.headers["Warning"]
    refused = await cluster.call("POST", path, body, fieldValidation="Strict")
    assert refused.status == 400
    applied = await cluster.apply(f"{path}/one", body)
    assert applied.status == 500


async def test_pod_security_refuses_a_privileged_pod(cluster: Cluster) -> None:
    label = "pod-security.kubernetes.io/enforce"
    here = f"/api/v1/namespaces/{await cluster.namespace(**{label: 'restricted'})}"
    await cluster.until(f"{here}/serviceaccounts/default", lambda answer: answer.status == 200)
    body = pod("a")
    body["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    answer = await cluster.call("POST", f"{here}/pods", body)
    assert answer.status == 403
    assert 'violates PodSecurity "restricted:latest"' in answer.body["message"]


async def test_a_service_account_gets_a_token_that_works(cluster: Cluster) -> None:
    path = f"{await _namespace(cluster)}/serviceaccounts/default/token"
    made = await cluster.call("POST", path, {"spec": {"expirationSeconds": 600}})
    review = {"spec": {"token": made.body["status"]["token"]}}
    told = await cluster.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert told.body["status"]["authenticated"] is True
    assert told.body["status"]["user"]["username"].startswith("system:serviceaccount:contract-")


async def test_a_cluster_role_is_aggregated(cluster: Cluster) -> None:
    label = f"t{uuid4().hex[:8]}"
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    whole: dict[str, Any] = {
        "metadata": {"name": f"{label}-whole"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {label: "yes"}}]},
        "rules": [],
    }
    part: dict[str, Any] = {
        "metadata": {"name": f"{label}-part", "labels": {label: "yes"}},
        "rules": [rule],
    }
    for role in (whole, part):
        assert (await cluster.call("POST", f"{RBAC}/clusterroles", role)).status == 201
    await cluster.until(
        f"{RBAC}/clusterroles/{label}-whole", lambda found: found.body.get("rules") == [rule]
    )
    for role in (whole, part):
        await cluster.call("DELETE", f"{RBAC}/clusterroles/{role['metadata']['name']}")
