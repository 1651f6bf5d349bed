"""What people type, against the real control plane: kubectl and helm, built at pinned versions."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.cluster import programs
from tests.cluster.api import Api
from tests.cluster.settings import read_settings

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: little\nversion: 0.1.0\n",
    "values.yaml": "colour: red\n",
    "templates/settings.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        "data:\n  colour: {{ .Values.colour }}\n"
    ),
}


def _run(program: programs.Program, kubeconfig: Path, *words: str) -> str:
    found = programs.find(program, read_settings())
    if found is None:
        pytest.skip(f"{program.name} is not built: `python -m tests.cluster build`")
    command = [str(found), "--kubeconfig", str(kubeconfig), *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of this test."""
    name = f"clients-{uuid4().hex[:8]}"
    assert api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})[0] == 201
    yield name
    api.call("DELETE", f"/api/v1/namespaces/{name}")


def test_kubectl_applies_waits_describes_and_deletes(
    kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    def kubectl(*words: str) -> str:
        return _run(programs.KUBECTL, kubeconfig, "-n", namespace, *words)

    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]},
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump(body))
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", str(file))
    kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=30s")
    assert "2/2" in kubectl("get", "deployment", "web")
    assert "NewReplicaSet" in kubectl("describe", "deployment", "web")
    assert "deleted" in kubectl("delete", "deployment", "web")


def test_helm_installs_upgrades_and_uninstalls(
    api: Api, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    for name, text in CHART.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def helm(*words: str) -> str:
        return _run(programs.HELM, kubeconfig, "-n", namespace, *words)

    def colour() -> str:
        path = f"/api/v1/namespaces/{namespace}/configmaps/one"
        return str(api.call("GET", path)[1]["data"]["colour"])

    helm("install", "one", str(tmp_path), "--wait")
    assert colour() == "red"
    helm("upgrade", "one", str(tmp_path), "--set", "colour=blue", "--wait")
    assert colour() == "blue"
    assert "deployed" in helm("list")
    helm("uninstall", "one", "--wait")
    assert api.call("GET", f"/api/v1/namespaces/{namespace}/configmaps/one")[0] == 404
