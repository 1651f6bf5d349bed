"""helm on both planes, built at a pinned version: releases are Secrets, changes are applies."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster.api import Api
from tests.cluster.clients import Client

_FILES = {
    "Chart.yaml": "apiVersion: v2\nname: little\nversion: 0.1.0\n",
    "values.yaml": "colour: red\nreplicas: 1\n",
    "templates/settings.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  colour: {{ .Values.colour }}
""",
    "templates/web.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: main, image: registry.example/app:1}]}
""",
}


@pytest.fixture
def chart(tmp_path: Path) -> str:
    """A chart of a ConfigMap and a Deployment."""
    folder = tmp_path / "chart"
    for name, text in _FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def _colour(helm: Client) -> str:
    path = f"/api/v1/namespaces/{helm.namespace}/configmaps/one"
    status, found = Api(helm.kubeconfig).call("GET", path)
    return str(found["data"]["colour"]) if status == 200 else ""


def _ready(helm: Client) -> int:
    path = f"/apis/apps/v1/namespaces/{helm.namespace}/deployments/one"
    return int(Api(helm.kubeconfig).call("GET", path)[1]["status"]["readyReplicas"])


def test_helm_installs_upgrades_rolls_back_and_uninstalls(helm: Client, chart: str) -> None:
    helm("install", "one", chart, "--wait")
    assert (_colour(helm), _ready(helm)) == ("red", 1)
    helm("upgrade", "one", chart, "--set", "colour=blue,replicas=2", "--wait")
    assert (_colour(helm), _ready(helm)) == ("blue", 2)
    assert "deployed" in helm("list")
    helm("rollback", "one", "1", "--wait")
    assert _colour(helm) == "red"
    assert helm("history", "one").count("superseded") == 2
    helm("uninstall", "one", "--wait")
    assert _colour(helm) == ""
    assert "one" not in helm("list", "-q")


def test_helm_makes_the_namespace_it_is_told(helm: Client, chart: str) -> None:
    helm.namespace = f"helm-{uuid4().hex[:8]}"
    helm("upgrade", "--install", "one", chart, "--create-namespace", "--wait")
    assert _colour(helm) == "red"
    helm("uninstall", "one")
    Api(helm.kubeconfig).call("DELETE", f"/api/v1/namespaces/{helm.namespace}")


def test_helm_refuses_what_another_owns(helm: Client, chart: str) -> None:
    path = f"/api/v1/namespaces/{helm.namespace}/configmaps"
    assert Api(helm.kubeconfig).call("POST", path, {"metadata": {"name": "one"}})[0] == 201
    assert "invalid ownership metadata" in helm.fails("install", "one", chart)


def test_helm_keeps_what_somebody_else_set(helm: Client, chart: str) -> None:
    helm("install", "one", chart, "--wait")
    path = f"/api/v1/namespaces/{helm.namespace}/configmaps/one?fieldManager=person"
    api = Api(helm.kubeconfig)
    body = api.call("GET", path)[1]
    body["data"]["note"] = "mine"
    assert api.call("PUT", path, body)[0] == 200
    helm("upgrade", "one", chart, "--set", "colour=blue")
    assert api.call("GET", path)[1]["data"] == {"colour": "blue", "note": "mine"}
