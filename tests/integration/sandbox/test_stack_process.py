"""A supervised PostgreSQL, seen from outside: killed, restarted, orphaned, started twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from deploy.sandbox.postgres.lockfile import processes_in, read_lock
from deploy.sandbox.postgres.server import ROOT, superuser_dsn
from deploy.sandbox.supervisor.ports import free_port
from tests.integration.sandbox.waiting import runs, until

_PROGRAM = Path(__file__).with_name("stack_program.py")


@dataclass
class Stack:
    """The program and its folder."""

    home: Path
    port: int
    process: asyncio.subprocess.Process

    def pid(self, name: str) -> int:
        """What the pid file says; 0 while there is none."""
        file = self.home / "run" / f"{name}.pid"
        try:
            return int(file.read_text())
        except FileNotFoundError:
            return 0

    @property
    def dsn(self) -> str:
        """The superuser's."""
        return superuser_dsn(self.home / "postgres", self.port)


async def launch(home: Path, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(_PROGRAM), str(home), str(port)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
        cwd=home,
    )


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    port = free_port()
    process = await launch(tmp_path, port)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    assert line == b"ready\n", await process.communicate()
    yield Stack(tmp_path, port, process)
    if process.returncode is None:
        process.terminate()
    await asyncio.wait_for(process.communicate(), 30)


async def test_the_pid_file_names_the_postmaster_and_its_kill_is_survived(stack: Stack) -> None:
    first = stack.pid("postgres")
    lock = read_lock(stack.home / "postgres" / "data")
    assert lock is not None
    assert lock.pid == first
    before = await asyncpg.connect(stack.dsn)
    await before.execute("CREATE TABLE kept (id int)")
    await before.execute("INSERT INTO kept SELECT generate_series(1, 100)")
    os.kill(first, signal.SIGKILL)
    await before.close(timeout=5)
    await until(lambda: stack.pid("postgres") not in (0, first))
    second = await connected(stack.dsn)
    assert await second.fetchval("SELECT count(*) FROM kept") == 100
    await second.close()


async def connected(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    async with asyncio.timeout(15):
        while True:
            try:
                return await asyncpg.connect(dsn)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)


async def test_a_killed_supervisor_leaves_no_process_behind(stack: Stack) -> None:
    data = stack.home / "postgres" / "data"
    pids = {stack.pid("sleeper"), stack.pid("postgres"), *processes_in(data)}
    assert 0 not in pids
    assert all(runs(pid) for pid in pids)
    stack.process.kill()
    await until(lambda: not any(runs(pid) for pid in pids))
    assert not processes_in(data)


async def test_a_terminated_supervisor_stops_everything_in_order(stack: Stack) -> None:
    pids = [stack.pid("postgres"), stack.pid("sleeper")]
    stack.process.terminate()
    await asyncio.wait_for(stack.process.wait(), 20)
    assert stack.process.returncode == 0
    assert not any(runs(pid) for pid in pids)
    assert not list((stack.home / "run").iterdir())
    assert "database system is shut down" in (stack.home / "log" / "postgres.log").read_text()


async def test_a_second_stack_in_the_same_home_is_refused_and_the_first_lives(
    stack: Stack,
) -> None:
    second = await launch(stack.home, free_port())
    _, stderr = await asyncio.wait_for(second.communicate(), 20)
    assert second.returncode == 1
    assert stderr.decode().strip() == (
        f"A stack already runs in {stack.home} (process {stack.process.pid}); "
        "stop it before starting another"
    )
    assert runs(stack.pid("postgres"))
