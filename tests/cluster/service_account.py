"""The provisioner's service account on a control plane: exactly what `deploy` ships for it."""

from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.cluster.api import Api
from tests.cluster.settings import ROOT

NAMESPACE = "tollgate"
NAME = "tollgate-provisioner"
USER = f"system:serviceaccount:{NAMESPACE}:{NAME}"
PLANS = "kube-dc/billing-plans"
_RBAC = ROOT / "deploy" / "rbac"
_PLANS = ROOT / "deploy" / "kube-dc" / "billing-plans.yaml"
_ROLES = (("ClusterRole", NAME), ("Role", "tollgate-billing-plans"))
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}


def shipped() -> list[dict[str, Any]]:
    """Every object of `deploy/rbac`, and what lets it read the plans of a Kube-DC."""
    texts = [path.read_text() for path in (*sorted(_RBAC.glob("*.yaml")), _PLANS)]
    return [item for text in texts for item in yaml.safe_load_all(text) if item]


def install(api: Api) -> None:
    """Make the account and what is shipped for it; what stands is replaced by what is shipped."""
    account = {"kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}}
    places = [NAMESPACE, PLANS.partition("/")[0]]
    namespaces = [{"kind": "Namespace", "metadata": {"name": place}} for place in places]
    for item in [*namespaces, account, *shipped()]:
        collection = _COLLECTIONS[item["kind"]].format(**item["metadata"])
        status, body = api.call("POST", collection, item)
        if status == 409 and "rules" in item:
            status, body = api.call("PUT", f"{collection}/{item['metadata']['name']}", item)
        assert status in (200, 201, 409), body


def token_kubeconfig(api: Api, admin: Path, target: Path) -> Path:
    """A kubeconfig with a token of the account, as a pod would be given one."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}/token"
    status, body = api.call("POST", path, {"spec": {"expirationSeconds": 3600}})
    assert status == 201, body
    config = yaml.safe_load(admin.read_text())
    config["users"][0]["user"] = {"token": body["status"]["token"]}
    target.write_text(yaml.safe_dump(config))
    return target


def audited(audit_log: Path, begin: int) -> list[dict[str, Any]]:
    """What the account asked for, from that byte of the log on."""
    events = map(orjson.loads, audit_log.read_bytes()[begin:].splitlines())
    return [event for event in events if event["user"]["username"] == USER]


def used(events: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Which (group, resource, verb) the account was allowed and did."""
    found = set()
    for event in events:
        what = event.get("objectRef", {})
        if what.get("resource") and _decision(event) == "allow":
            resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
            found.add((what.get("apiGroup", ""), resource, event["verb"]))
    return found


def refused(events: list[dict[str, Any]]) -> list[str]:
    """What the account asked for and was forbidden by RBAC."""
    asked = [event for event in events if _decision(event) == "forbid"]
    return [f"{event['verb']} {event['requestURI']}" for event in asked]


def _decision(event: dict[str, Any]) -> str:
    return str(event.get("annotations", {}).get("authorization.k8s.io/decision", ""))


def granted() -> set[tuple[str, str, str]]:
    """What the shipped roles grant: (group, resource, verb), `bind` apart, which is no request."""
    rules = [
        rule
        for item in shipped()
        if (item["kind"], item["metadata"]["name"]) in _ROLES
        for rule in item["rules"]
    ]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if verb != "bind"
    }
