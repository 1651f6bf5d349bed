"""`python -m tests.cluster build|start|stop|status|available|test`."""

import argparse
import os
import subprocess
import sys

from tests.cluster import foreign, programs
from tests.cluster.build import build
from tests.cluster.control import Control
from tests.cluster.errors import ClusterError
from tests.cluster.settings import ROOT, Settings, read_settings

_SUITES = ["tests/contract/kubernetes", "tests/integration/provisioner", "tests/cluster"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what is missing into the cache")
    commands.add_parser("start", help="start it; the last line is the kubeconfig's path")
    commands.add_parser("up", help="build and start")
    commands.add_parser("stop", help="stop it and forget what was in it")
    commands.add_parser("status", help="what runs, and where each program is")
    commands.add_parser("available", help="exit 0 if it can be started without building")
    commands.add_parser("test", help="the suites on both; what follows is for pytest")
    given, more = parser.parse_known_args(arguments)
    if more and given.command != "test":
        parser.error(f"{given.command} takes no {' '.join(more)}")
    try:
        return _run(given.command, more, read_settings())
    except ClusterError as problem:
        _say(str(problem))
        return 1


def _run(command: str, more: list[str], settings: Settings) -> int:
    control = Control(settings)
    match command:
        case "build":
            build(settings, _say)
            return 0
        case "start" | "up":
            return _start(control, settings, built=command == "up")
        case "stop":
            print("Stopped." if control.stop() else "Nothing was running.")
            return 0
        case "status":
            return _status(control, settings)
        case "available":
            return _available(control)
        case _:
            return _test(control, more)


def _start(control: Control, settings: Settings, *, built: bool) -> int:
    if built:
        build(settings, _say)
    control.start()
    absent = control.absent()
    if absent:
        _say(f"Without {', '.join(absent)}, which no folder has: objects are kept, not acted on.")
    _say_extensions(control)
    print(control.kubeconfig)
    return 0


def _status(control: Control, settings: Settings) -> int:
    for program in programs.ALL:
        daemon = next((item for item in control.daemons if item.name == program.name), None)
        pid = daemon.pid if daemon else None
        state = f"runs as {pid}" if pid else "-"
        where = programs.find(program, settings) or "not built"
        print(f"{program.name:24} {program.module.version:8} {state:16} {where}")
    for item in foreign.ALL:
        where = item.cached(settings)
        made = where if where.is_dir() else "not made"
        print(f"{item.name:24} {item.module.version:8} {'-':16} {made}")
    running = control.is_running()
    print(control.kubeconfig if running else "Not running.")
    return 0 if running else 1


def _available(control: Control) -> int:
    absent = control.absent()
    if absent:
        print(f"No real control plane here: {', '.join(absent)} not built; `make cluster` does it.")
        return 1
    print("A real control plane can be started here without building anything.")
    _say_extensions(control)
    return 0


def _say_extensions(control: Control) -> None:
    absent = control.absent_extensions()
    if absent:
        _say(f"Without {', '.join(absent)}: tests that need them are skipped.")


def _test(control: Control, arguments: list[str]) -> int:
    """Run the suites; a control plane that was running before goes on running."""
    started = control.start()
    environment = {**os.environ, "TOLLGATE_CONTRACT_KUBECONFIG": str(control.kubeconfig)}
    named = any((ROOT / word.partition("::")[0]).exists() for word in arguments)
    suites = [] if named else _SUITES
    command = [sys.executable, "-m", "pytest", "-q", *arguments, *suites]
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603
    finally:
        if started:
            control.stop()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
