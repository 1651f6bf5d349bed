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

START_SECONDS = 90


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
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, "ready\n")) if process.stdout else []
        assert process.poll() is None, "".join(lines)
        yield UpStack(home)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.fixture
async def world(up_stack: UpStack) -> AsyncIterator[World]:
    """The stack as a customer, an operator and a cluster's admin see it."""
    async with aiohttp.ClientSession() as http:
        world = await World.enter(up_stack, http)
        yield world
        await world.leave()
