"""Whose account the provisioner of a stack runs with, by what its KUBECONFIG may do."""

import socket
from pathlib import Path

import pytest
import yaml

from deploy.sandbox.stack.account import take_cluster
from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.settings import StackSettings, read_settings
from tests.cluster import service_account
from tests.cluster.api import Api


def _settings(home: Path, given: Path, admin: Path | None = None) -> StackSettings:
    told = {"TOLLGATE_HOME": str(home), "KUBECONFIG": str(given)}
    return read_settings(told | ({"TOLLGATE_ADMIN_KUBECONFIG": str(admin)} if admin else {}))


def _authority(kubeconfig: Path) -> str:
    """The file of the certificate that the cluster is known by."""
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    return str(cluster["certificate-authority"])


def _copied(kubeconfig: Path, folder: Path, **cluster: str) -> Path:
    """The same kubeconfig, or one that names another cluster."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"] |= cluster
    target = folder / "given"
    target.write_text(yaml.safe_dump(config))
    return target


async def test_an_administrator_lends_it_an_account_of_its_own(
    kubeconfig: Path, tmp_path: Path
) -> None:
    layout = Layout(_settings(tmp_path, kubeconfig))
    user, told = await take_cluster(layout)
    assert user == service_account.USER
    assert "roles of deploy/rbac" in told
    assert layout.provisioner_kubeconfig == tmp_path / "provisioner.kubeconfig"
    assert layout.provisioner_kubeconfig.stat().st_mode & 0o077 == 0
    assert layout.admin_kubeconfig == kubeconfig
    async with KubeApi(layout.provisioner_kubeconfig) as own:
        with pytest.raises(KubeApiError) as refused:
            await own.call("GET", "/api/v1/secrets")
        assert refused.value.status == 403


async def test_its_kubeconfig_works_from_any_folder(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root.pem").symlink_to(_authority(kubeconfig))
    given = _copied(kubeconfig, tmp_path, **{"certificate-authority": "root.pem"})
    monkeypatch.chdir(tmp_path)
    layout = Layout(_settings(tmp_path / "home", Path(given.name)))
    await take_cluster(layout)
    assert layout.admin_kubeconfig == given
    monkeypatch.chdir("/")
    async with KubeApi(layout.provisioner_kubeconfig) as own:
        assert (await own.call("GET", "/api/v1/namespaces"))["items"]


async def test_who_may_not_lend_one_is_used_as_it_is(
    api: Api, kubeconfig: Path, tmp_path: Path
) -> None:
    service_account.install(api)
    given = service_account.token_kubeconfig(api, kubeconfig, tmp_path / "given")
    layout = Layout(_settings(tmp_path, given))
    user, told = await take_cluster(layout)
    assert user == service_account.USER
    assert "may make no account" in told
    assert "clusterroles" in told
    assert layout.provisioner_kubeconfig == given


async def test_a_cluster_without_tokens_is_used_as_it_is(
    sandbox_kubeconfig: Path, tmp_path: Path
) -> None:
    layout = Layout(_settings(tmp_path, sandbox_kubeconfig))
    user, told = await take_cluster(layout)
    assert user == "admin"
    assert "may make no account" in told
    assert layout.provisioner_kubeconfig == sandbox_kubeconfig


async def test_with_an_administrators_beside_it_nothing_is_applied(
    sandbox_kubeconfig: Path, tmp_path: Path
) -> None:
    given = _copied(sandbox_kubeconfig, tmp_path)
    layout = Layout(_settings(tmp_path, given, sandbox_kubeconfig))
    _, told = await take_cluster(layout)
    assert told.endswith(f"as {given} says")
    assert (layout.provisioner_kubeconfig, layout.admin_kubeconfig) == (given, sandbox_kubeconfig)


async def test_a_cluster_that_is_away_is_told(sandbox_kubeconfig: Path, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{silent.getsockname()[1]}"
        given = _copied(sandbox_kubeconfig, tmp_path, server=server)
        with pytest.raises(KubeApiError, match="is away"):
            await take_cluster(Layout(_settings(tmp_path, given)))
