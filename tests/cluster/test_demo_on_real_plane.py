"""`make demo` against a real control plane, the provisioner with no more than its own rights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import service_account
from tests.cluster.api import Api, wait_for
from tests.cluster.settings import ROOT
from tests.cluster.test_least_privilege import audit_of

_PATIENCE = 110.0


@pytest.fixture(autouse=True)
def nobody_is_acme(api: Api) -> None:
    """The demo makes its organization itself; what other tests left is in its way."""
    paths = [f"/api/v1/namespaces/{name}" for name in ("acme-web", "acme-shop", "acme")]
    for path in paths:
        api.call("DELETE", path)

    def gone() -> bool:
        return all(api.call("GET", path)[0] == 404 for path in paths)

    wait_for("acme to be gone", gone, lambda: None, seconds=60.0)


def _demo(home: Path, **settings: Path) -> subprocess.CompletedProcess[str]:
    """Run it as `make` does, in a folder of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "deploy.sandbox", "demo"],
        cwd=ROOT,
        env={**kept, "TOLLGATE_HOME": str(home), **{key: str(at) for key, at in settings.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def _ended_well(ended: subprocess.CompletedProcess[str], log: Path, begin: int) -> None:
    """Every story held, and the audit log knows the provisioner by its account."""
    assert ended.returncode == 0, ended.stdout
    summary = ended.stdout.partition("== Summary")[2].splitlines()
    (told,) = [line for line in summary if line.startswith("the provisioner ran as")]
    assert told.split()[-1] == service_account.USER
    assert "✗" not in ended.stdout
    events = service_account.audited(log, begin)
    assert {("", "namespaces", "create"), ("apps", "deployments", "create")} <= (
        service_account.used(events)
    )
    assert service_account.refused(events) == []


def _gone(api: Api, ended: subprocess.CompletedProcess[str]) -> bool:
    """Whether the namespaces that it made are gone, or go."""
    named = {word.strip(",") for word in ended.stdout.split() if word.startswith("customer-")}
    assert len(named) == 2
    found = [api.call("GET", f"/api/v1/namespaces/{name}")[1] for name in named]
    return all(
        item.get("code") == 404 or item["metadata"].get("deletionTimestamp") for item in found
    )


def test_with_an_administrators_kubeconfig_the_provisioner_gets_its_own_account(
    api: Api, kubeconfig: Path, tmp_path: Path
) -> None:
    log = audit_of(kubeconfig)
    begin = log.stat().st_size
    ended = _demo(tmp_path, KUBECONFIG=kubeconfig)
    _ended_well(ended, log, begin)
    assert "with the roles of deploy/rbac" in ended.stdout
    assert _gone(api, ended)


def test_with_two_kubeconfigs_each_is_used_for_its_own(
    api: Api, kubeconfig: Path, tmp_path: Path
) -> None:
    service_account.install(api)
    own = service_account.token_kubeconfig(api, kubeconfig, tmp_path / "own")
    log = audit_of(kubeconfig)
    begin = log.stat().st_size
    ended = _demo(tmp_path / "home", KUBECONFIG=own, TOLLGATE_ADMIN_KUBECONFIG=kubeconfig)
    _ended_well(ended, log, begin)
    assert f"as {own} says" in ended.stdout
    assert _gone(api, ended)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"KUBECONFIG": "none"}, "KUBECONFIG is none, which is no file"),
        ({"TOLLGATE_ADMIN_KUBECONFIG": "x"}, "is given without KUBECONFIG"),
    ],
)
def test_a_kubeconfig_that_cannot_be_is_told_in_a_sentence(
    tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    ended = _demo(tmp_path, **{name: Path(value) for name, value in settings.items()})
    assert ended.returncode == 1
    assert told in ended.stdout
    assert len(ended.stdout.splitlines()) == 1
