"""What people type, on both planes: kubectl, built at a pinned version."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.api import wait_for
from tests.cluster.clients import Client
from tests.contract.kubernetes.objects import config_map, container, definition, deployment

_WAIT = "--timeout=30s"


def _web(replicas: int = 2, **env: str) -> dict[str, Any]:
    found: dict[str, Any] = deployment("web", replicas)
    variables = [{"name": name, "value": value} for name, value in env.items()]
    found["spec"]["template"]["spec"]["containers"] = [container(env=variables)]
    return found


def _read(kubectl: Client, *words: str) -> Any:
    return json.loads(kubectl("get", *words, "-o", "json"))


def test_kubectl_applies_on_the_server_waits_describes_and_deletes(kubectl: Client) -> None:
    file = kubectl.file(_web())
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", file)
    kubectl("wait", "--for=condition=Available", "deployment/web", _WAIT)
    head, row = kubectl("get", "deployment", "web").splitlines()
    assert head.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["web", "2/2", "2", "2"]
    assert "NewReplicaSet" in kubectl("describe", "deployment", "web")
    assert "deleted" in kubectl("delete", "deployment", "web")
    assert "NotFound" in kubectl.fails("get", "deployment", "web")


def test_two_who_apply_on_the_server_conflict(kubectl: Client) -> None:
    kubectl("apply", "--server-side", "-f", kubectl.file(config_map("one", colour="red")))
    other = ("apply", "--server-side", "--field-manager=other")
    file = kubectl.file(config_map("one", colour="blue"))
    assert ".data.colour" in kubectl.fails(*other, "-f", file)
    kubectl(*other, "--force-conflicts", "-f", file)
    assert _read(kubectl, "configmap", "one")["data"] == {"colour": "blue"}


def test_kubectl_applies_by_itself_and_takes_back_what_a_file_drops(kubectl: Client) -> None:
    file = kubectl.file(_web(2, A="1", B="2"))
    assert "created" in kubectl("apply", "-f", file)
    assert "unchanged" in kubectl("apply", "-f", file)
    kubectl("scale", "deployment", "web", "--replicas=5")
    without_a = _web(2, B="3", C="4")
    del without_a["spec"]["replicas"]
    assert "configured" in kubectl("apply", "-f", kubectl.file(without_a))
    spec = _read(kubectl, "deployment", "web")["spec"]
    env = spec["template"]["spec"]["containers"][0]["env"]
    assert {item["name"]: item["value"] for item in env} == {"B": "3", "C": "4"}
    assert spec["replicas"] == 1


def test_kubectl_shows_what_an_apply_would_change(kubectl: Client) -> None:
    kubectl("apply", "-f", kubectl.file(config_map("one", colour="red")))
    assert kubectl("diff", "-f", kubectl.file(config_map("one", colour="red"))) == ""
    code, shown, _ = kubectl.ended("diff", "-f", kubectl.file(config_map("one", colour="blue")))
    assert code == 1
    assert "+  colour: blue" in shown
    dry = kubectl("apply", "--dry-run=server", "-f", kubectl.file(config_map("two")))
    assert "server dry run" in dry
    assert "NotFound" in kubectl.fails("get", "configmap", "two")


def test_kubectl_applies_objects_of_a_definition(kubectl: Client) -> None:
    group = f"t{uuid4().hex[:8]}.example.com"
    kubectl("apply", "-f", kubectl.file(definition(group)))
    kubectl("wait", "--for=condition=Established", f"crd/widgets.{group}", _WAIT)
    looked = ("api-resources", "--cached=false", f"--api-group={group}")
    wait_for("Its discovery", lambda: "widgets" in kubectl(*looked), lambda: None, 15)
    widget = {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "one"},
        "spec": {"size": 3, "colour": "red"},
    }
    kubectl("apply", "-f", kubectl.file(widget))
    assert "configured" in kubectl("apply", "-f", kubectl.file({**widget, "spec": {"size": 4}}))
    assert _read(kubectl, f"widgets.{group}", "one")["spec"] == {"size": 4, "colour": "red"}
    wrong = kubectl.file({**widget, "spec": {"size": 99}})
    assert "spec.size" in kubectl.fails("apply", "-f", wrong)
    kubectl("delete", "crd", f"widgets.{group}")


def test_kubectl_creates_from_words(kubectl: Client) -> None:
    name = f"words-{uuid4().hex[:8]}"
    assert f"namespace/{name} created" in kubectl("create", "namespace", name)
    assert "AlreadyExists" in kubectl.fails("create", "namespace", name)
    kubectl.namespace = name
    kubectl("create", "configmap", "one", "--from-literal=colour=red")
    kubectl("create", "secret", "generic", "one", "--from-literal=key=value")
    kubectl("create", "serviceaccount", "clerk")
    assert _read(kubectl, "configmap", "one")["data"] == {"colour": "red"}
    assert _read(kubectl, "secret", "one")["data"] == {"key": "dmFsdWU="}
    kubectl("delete", "namespace", name, _WAIT)
    assert "NotFound" in kubectl.fails("get", "namespace", name)


def test_kubectl_grants_a_role_and_asks_what_it_allows(kubectl: Client) -> None:
    clerk = f"system:serviceaccount:{kubectl.namespace}:clerk"
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods,deployments.apps")
    account = f"--serviceaccount={kubectl.namespace}:clerk"
    kubectl("create", "rolebinding", "reader", "--role=reader", account)
    assert kubectl("auth", "can-i", "delete", "namespaces").strip() == "yes"
    assert clerk in kubectl("auth", "whoami", f"--as={clerk}")
    assert kubectl("auth", "can-i", "get", "pods", f"--as={clerk}").strip() == "yes"
    assert kubectl.ended("auth", "can-i", "delete", "pods", f"--as={clerk}")[0] == 1
    assert "forbidden" in kubectl.fails("delete", "pod", "any", f"--as={clerk}")


def test_kubectl_changes_what_stands(kubectl: Client) -> None:
    kubectl("apply", "-f", kubectl.file(_web(1)))
    kubectl("label", "deployment", "web", "colour=red")
    kubectl("annotate", "deployment", "web", "example.com/note=short")
    kubectl("patch", "deployment", "web", "-p", '{"spec": {"minReadySeconds": 0}}')
    kubectl("set", "env", "deployment/web", "MODE=fast")
    kubectl("scale", "deployment", "web", "--replicas=3")
    kubectl("rollout", "restart", "deployment/web")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", _WAIT)
    (web,) = _read(kubectl, "deployments", "-l", "colour=red")["items"]
    assert web["metadata"]["annotations"]["example.com/note"] == "short"
    assert web["status"]["readyReplicas"] == 3
    (main,) = web["spec"]["template"]["spec"]["containers"]
    assert main["env"] == [{"name": "MODE", "value": "fast"}]


def test_kubectl_waits_for_what_goes(kubectl: Client) -> None:
    kubectl("apply", "-f", kubectl.file(_web(2)))
    kubectl("wait", "--for=condition=Available", "deployment/web", _WAIT)
    kubectl("delete", "deployment", "-l", "none=such")
    kubectl("delete", "deployments", "--all", "--wait=false")
    kubectl("wait", "--for=delete", "pod", "-l", "app=web", _WAIT)
    assert _read(kubectl, "pods")["items"] == []


def test_kubectl_prints_what_people_look_at(kubectl: Client) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "bound"},
        "spec": {"hard": {"pods": "9", "limits.cpu": "4"}},
    }
    kubectl("apply", "-f", kubectl.file(config_map("one", a="1", b="2"), quota))
    kubectl("wait", "--for=jsonpath={.status.hard.pods}=9", "quota/bound", _WAIT)
    found = {
        kind: dict(zip(*map(str.split, kubectl("get", kind, name).splitlines()), strict=True))
        for kind, name in (("configmap", "one"), ("namespace", kubectl.namespace))
    }
    assert found["configmap"]["DATA"] == "2"
    assert found["namespace"]["STATUS"] == "Active"
    assert "pods: 0/9" in kubectl("get", "quota", "bound")
    assert "limits.cpu: 0/4" in kubectl("get", "quota", "bound")
    assert "deployments" in kubectl("api-resources", "--api-group=apps")


def test_kubectl_explains_fields(kubectl: Client) -> None:
    assert "replicas" in kubectl("explain", "deployment.spec")


def test_kubectl_refuses_a_field_that_no_type_has(kubectl: Client) -> None:
    file = kubectl.file({**config_map("one"), "unheard": "of"})
    assert 'unknown field "unheard"' in kubectl.fails("apply", "-f", file)


def test_kubectl_creates_a_deployment_from_words(kubectl: Client) -> None:
    kubectl("create", "deployment", "web", "--image=registry.example/app:1")


def test_kubectl_creates_a_token(kubectl: Client) -> None:
    kubectl("create", "serviceaccount", "clerk")
    assert kubectl("create", "token", "clerk").count(".") == 2


@pytest.mark.parametrize("words", [("get", "nothings"), ("delete", "pod", "none")])
def test_kubectl_says_what_is_not_there(kubectl: Client, words: tuple[str, ...]) -> None:
    told = kubectl.fails(*words)
    assert "not found" in told or "doesn't have a resource type" in told
