"""`python -m deploy.sandbox up | demo | env | clean`: the embedded one-machine stack.

`env` prints what a running stack is called by, for a shell to eval.
"""

import argparse
import asyncio
import json
import os
import shlex
import shutil
import sys

from deploy.sandbox.demo.run import demo
from deploy.sandbox.postgres.roles import DatabaseRefused
from deploy.sandbox.stack.endpoints import shell_variables
from deploy.sandbox.stack.settings import BadSetting, StackSettings, read_settings
from deploy.sandbox.supervisor.errors import AlreadyRunning, StopRequested, SupervisorError
from deploy.sandbox.supervisor.lock import HomeLock
from deploy.sandbox.up import up


def main() -> int:
    """Run the command line; 1 and one sentence if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox", description=__doc__)
    parser.add_argument("command", choices=["up", "demo", "env", "clean"])
    arguments = parser.parse_args()
    try:
        settings = read_settings(os.environ)
        if arguments.command == "clean":
            return clean(settings)
        if arguments.command == "env":
            return environment(settings)
        if arguments.command == "demo":
            return asyncio.run(demo(settings))
        asyncio.run(up(settings))
    except (BadSetting, DatabaseRefused, SupervisorError) as problem:
        if isinstance(problem, StopRequested):
            return 0
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def environment(settings: StackSettings) -> int:
    """Print the addresses and tokens of the running stack as shell assignments."""
    file = settings.home / "endpoints.json"
    if not file.exists():
        sys.stderr.write(f"No stack has run in {settings.home} yet: `make up` starts one\n")
        return 1
    for name, value in shell_variables(json.loads(file.read_text())).items():
        sys.stdout.write(f"{name}={shlex.quote(value)}\n")
    return 0


def clean(settings: StackSettings) -> int:
    """Remove the stack's data, unless the stack runs."""
    if not settings.home.exists():
        return 0
    if not (settings.home / "ports.json").exists() and any(settings.home.iterdir()):
        sys.stderr.write(f"{settings.home} holds no stack; nothing is removed\n")
        return 1
    try:
        with HomeLock(settings.home):
            shutil.rmtree(settings.home)
    except AlreadyRunning as running:
        sys.stderr.write(f"{running}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
