"""What mends a fence: an apply by force takes whole what it names, and a patch what it does not."""

from copy import deepcopy
from typing import Any

import pytest

from tests.contract.kubernetes.cluster import MERGE, Answer, Cluster

POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
GROUP = "rbac.authorization.k8s.io"
SPEC: dict[str, Any] = {
    "podSelector": {},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [],
    "egress": [{"to": [{"podSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}]}],
}
OPENINGS: dict[str, dict[str, Any]] = {
    "lets all in": {"ingress": [{}]},
    "lets all out": {"egress": [*SPEC["egress"], {}]},
    "lets nothing be checked": {"egress": None, "policyTypes": ["Ingress"]},
    "some pods": {"podSelector": {"matchLabels": {"tier": "web"}}},
    "more ports": {
        "egress": [{**SPEC["egress"][0], "ports": [{"protocol": "UDP", "port": 53, "endPort": 99}]}]
    },
}


def _policy(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "fence"},
        "spec": {**deepcopy(SPEC), **changes},
    }


def _spec(answer: Answer) -> dict[str, Any]:
    """What a policy says; an empty list says what none does."""
    return {key: value for key, value in answer.body["spec"].items() if value != []}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
@pytest.mark.parametrize("by", ["patch", "apply"])
async def test_an_apply_takes_back_what_another_manager_opened(
    cluster: Cluster, opening: dict[str, Any], by: str
) -> None:
    place = POLICIES.format(await cluster.namespace())
    path = f"{place}/fence"
    made = await cluster.call("POST", place, _policy(), fieldManager="ours")
    assert made.status == 201
    first = await cluster.apply(path, _policy(), "ours", force="true")
    ordered = {key: value for key, value in SPEC.items() if value != []}
    assert _spec(made) == _spec(first) == ordered
    if by == "patch":
        opened = await cluster.call(
            "PATCH", path, {"spec": opening}, content_type=MERGE, fieldManager="kubectl-edit"
        )
    else:
        said = {key: value for key, value in opening.items() if value is not None}
        body = {**_policy(), "spec": {"podSelector": {}, **said}}
        opened = await cluster.apply(path, body, "theirs", force="true")
    assert opened.status == 200
    assert _spec(opened) != ordered
    mended = await cluster.apply(path, _policy(), "ours", force="true")
    assert (mended.status, _spec(mended)) == (200, ordered)
    assert _spec(await cluster.call("GET", path)) == ordered
    again = await cluster.apply(path, _policy(), "ours", force="true")
    assert _spec(again) == ordered


async def test_an_apply_takes_out_a_subject_of_another_manager(cluster: Cluster) -> None:
    place = BINDINGS.format(await cluster.namespace())
    path = f"{place}/owner"
    subject = {"apiGroup": GROUP, "kind": "User", "name": "alice"}
    body = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "owner"},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"},
        "subjects": [subject],
    }
    assert (await cluster.call("POST", place, body, fieldManager="ours")).status == 201
    both = [subject, {**subject, "name": "mallory"}]
    opened = await cluster.call(
        "PATCH", path, {"subjects": both}, content_type=MERGE, fieldManager="kubectl-edit"
    )
    assert opened.body["subjects"] == both
    mended = await cluster.apply(path, body, "ours", force="true")
    assert (mended.body["subjects"], mended.body["roleRef"]) == ([subject], body["roleRef"])
