"""The tool itself: where programs are found, what is said when one cannot be, whom it stops."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import programs
from tests.cluster.build import build
from tests.cluster.control import Control
from tests.cluster.errors import ClusterError
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
    modules = {program.module for program in programs.ALL}
    keys = [module.key for module in modules]
    assert len(set(keys)) == len(modules) == 4
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
    assert not settings.cache.exists()


def test_a_start_without_programs_says_what_builds_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="There is no etcd and kube-apiserver here; `make clus"):
        Control(settings).start()


def test_nothing_is_available_in_an_empty_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "KUBEBUILDER_ASSETS": ""}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.cluster", "available"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "kube-apiserver" in ended.stdout


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
