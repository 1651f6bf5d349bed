"""The tool itself: where programs are found, what is said when one cannot be, whom it stops."""

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import foreign, hnc, programs
from tests.cluster.build import build
from tests.cluster.control import Control
from tests.cluster.errors import ClusterError
from tests.cluster.plane import lay_out
from tests.cluster.processes import Daemon
from tests.cluster.settings import Settings, read_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home and an empty cache."""
    return Settings(tmp_path / "home", tmp_path / "cache", None)


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def _available(cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "KUBEBUILDER_ASSETS": ""}
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster", "available"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    told = {
        "XDG_CACHE_HOME": str(tmp_path / "c"),
        "TOLLGATE_CLUSTER_HOME": str(tmp_path / "h"),
        "KUBEBUILDER_ASSETS": str(tmp_path / "a"),
    }
    found = read_settings(told)
    assert found.cache == tmp_path / "c" / "tollgate" / "cluster"
    assert (found.home, found.assets) == (tmp_path / "h", tmp_path / "a")
    assert read_settings({}).assets is None


def test_a_key_names_the_version_and_every_module_has_its_own() -> None:
    modules = {item.module for item in (*programs.ALL, *foreign.ALL)}
    keys = [module.key for module in modules]
    assert len(set(keys)) == len(modules) == 7
    assert all(f"-{module.version}-" in module.key for module in modules)
    assert "gitVersion=v1." in programs.API_SERVER.module.linker_flags


def test_assets_come_before_the_cache(settings: Settings, tmp_path: Path) -> None:
    program = programs.API_SERVER
    assert programs.find(program, settings) is None
    cached = _program(program.cached(settings))
    assert programs.find(program, settings) == cached
    assets = tmp_path / "assets"
    given = _program(assets / program.name)
    with_assets = Settings(settings.home, settings.cache, assets)
    assert programs.find(program, with_assets) == given


def test_etcd_on_the_path_is_used_but_no_other(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("etcd", "kubectl"):
        _program(tmp_path / "bin" / name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert programs.find(programs.ETCD, settings) == tmp_path / "bin" / "etcd"
    assert programs.find(programs.KUBECTL, settings) is None


def test_without_go_a_build_says_so_in_a_sentence(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"^Go is needed to build etcd, kube-apiserver, .*\.$"):
        build(settings, lambda _: None)


def test_with_assets_nothing_is_built(settings: Settings, tmp_path: Path) -> None:
    said: list[str] = []
    build(Settings(settings.home, settings.cache, tmp_path / "assets"), said.append)
    assert len(said) == 1
    assert "nothing is built" in said[0]
    assert "hnc-manager, " in said[0]
    assert "the CRDs of Velero, the CRD of HelmRelease, the CRDs of HNC" in said[0]
    assert not settings.cache.exists()


def test_a_start_without_programs_says_what_builds_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="There is no etcd and kube-apiserver here; `make clus"):
        Control(settings).start()


def test_nothing_is_available_in_an_empty_cache(tmp_path: Path) -> None:
    ended = _available(tmp_path)
    assert ended.returncode == 1
    assert "kube-apiserver" in ended.stdout


def test_a_control_plane_without_what_others_define_is_available_and_says_so(
    tmp_path: Path,
) -> None:
    cache = read_settings({"XDG_CACHE_HOME": str(tmp_path)})
    for program in programs.CONTROL_PLANE:
        _program(program.cached(cache))
    ended = _available(tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "Without hnc-manager, the CRDs of Velero, " in ended.stderr
    assert "tests that need them are skipped" in ended.stderr


def test_the_webhooks_of_hnc_are_patched_and_point_to_its_manager(settings: Settings) -> None:
    def hook(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, **more}

    def published(kind: str, *webhooks: dict[str, Any]) -> dict[str, Any]:
        return {"kind": f"{kind}WebhookConfiguration", "webhooks": list(webhooks)}

    plane = lay_out(settings.home)
    service = {"clientConfig": {"service": {"path": "/check"}}}
    found = hnc.lay_out(plane).webhooks(
        [
            published("Mutating", hook("labels", **service)),
            published("Validating", hook("objects", rules=["all"], timeoutSeconds=2, **service)),
            {"kind": "Service"},
            published("Validating", hook("objects", rules=["some"]), hook("quotas", **service)),
        ]
    )
    assert [item["kind"] for item in found] == [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ]
    objects, quotas = found[1]["webhooks"]
    assert (objects["rules"], quotas["name"]) == (["some"], "quotas")
    assert objects["clientConfig"]["url"].startswith("https://127.0.0.1:")
    assert objects["clientConfig"]["url"].endswith("/check")
    assert base64.b64decode(quotas["clientConfig"]["caBundle"]) == plane.api_tls.ca.read_bytes()


def test_files_of_a_module_that_cannot_be_had_leave_nothing_in_the_cache(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in programs.ALL:
        _program(program.cached(settings))
    go = _program(tmp_path / "bin" / "go")
    go.write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", str(go.parent))
    with pytest.raises(ClusterError, match=r"^the CRDs of Velero could not be built"):
        build(settings, lambda _: None)
    assert list(foreign.VELERO.cached(settings).parent.iterdir()) == []
    assert Control(settings).absent_extensions() == [item.name for item in foreign.ALL]


def test_what_a_module_publishes_is_copied_in_order(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in programs.ALL:
        _program(program.cached(settings))
    for item in (foreign.FLUX, foreign.HNC, foreign.HNC_WEBHOOKS):
        item.cached(settings).mkdir(parents=True)
    for version in ("v1", "v2alpha1"):
        folder = tmp_path / "module" / "config" / "crd" / version / "bases"
        folder.mkdir(parents=True)
        (folder / "one.yaml").write_text(f"kind: {version}\n---\n")
    go = _program(tmp_path / "bin" / "go")
    go.write_text(f"#!/bin/sh\necho {tmp_path / 'module'}\n")
    monkeypatch.setenv("PATH", str(go.parent))
    build(settings, lambda _: None)
    assert foreign.VELERO.objects(settings) == [{"kind": "v1"}, {"kind": "v2alpha1"}]


def test_a_daemon_outlives_its_starter_and_ends_when_it_is_told(tmp_path: Path) -> None:
    daemon = Daemon("sleeper", tmp_path)
    daemon.start(Path(sys.executable), ["-c", "import signal; signal.pause()"])
    assert daemon.pid is not None
    assert os.getsid(daemon.pid) == daemon.pid
    assert daemon.stop()
    assert daemon.pid is None
    assert not daemon.stop()


def test_a_process_that_got_the_number_of_another_is_left_alone(tmp_path: Path) -> None:
    daemon = Daemon("other", tmp_path)
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        daemon.pid_file.parent.mkdir(parents=True)
        daemon.pid_file.write_text(f"{process.pid}\nanother birth")
        assert not daemon.stop()
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)


def test_a_program_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    daemon = Daemon("failing", tmp_path)
    daemon.start(Path(sys.executable), ["-c", "raise SystemExit('no such port')"])
    pid = int(daemon.pid_file.read_text().split()[0])
    os.waitpid(pid, 0)
    with pytest.raises(ClusterError, match=r"failing ended; .*\n  no such port"):
        daemon.must_run()
