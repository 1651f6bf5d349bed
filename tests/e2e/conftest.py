"""One embedded stack for all stories, started and stopped as a person would."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from deploy.sandbox.stack.settings import ROOT
from tests.e2e.world import UpStack, World, free_port


@pytest.fixture(scope="session")
def up_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpStack]:
    """`make up`, without make: ready when its last line says so."""
    home: Path = tmp_path_factory.mktemp("stack") / "home"
    env = os.environ | {"TOLLGATE_HOME": str(home), "TOLLGATE_PORT": str(free_port())}
    for name in ("KUBECONFIG", "DATABASE_URL", "STRIPE_SECRET_KEY", "BILLING_PROVIDER"):
        env.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.sandbox", "up"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_ready(process)
        yield UpStack(home)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def wait_until_ready(process: "subprocess.Popen[str]") -> None:
    """Read what the stack tells until it is ready; its end before that is a failure."""
    assert process.stdout is not None
    told: list[str] = []
    for line in process.stdout:
        told.append(line)
        if line == "ready\n":
            return
    raise AssertionError("the stack did not start:\n" + "".join(told))


@pytest.fixture
async def world(up_stack: UpStack) -> AsyncIterator[World]:
    """The stack as a customer, an operator and a cluster's admin see it."""
    async with aiohttp.ClientSession() as http:
        world = await World.enter(up_stack, http)
        yield world
        await world.leave()
