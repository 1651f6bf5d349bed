"""Strikes that are carried out: on whom, when, and what is counted."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from deploy.sandbox.stack.kubeapi import KubeApi
from tests.chaos.blows import Striker
from tests.chaos.plan import Blow, Plan, Strike


@asynccontextmanager
async def provider(armed: list[object]) -> AsyncIterator[str]:
    async def arm(request: web.Request) -> web.Response:
        armed.append(await request.json())
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/sandbox/faults", arm)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def struck(home: Path, *strikes: Strike, stripe: str = "") -> Striker:
    """Carry the strikes out on a stack in ``home`` whose cluster is away."""
    async with aiohttp.ClientSession() as http, KubeApi(home / "no-kubeconfig") as cluster:
        striker = Striker(home, cluster, http, stripe)
        await striker.carry_out(Plan(1, 1.0, (), strikes), time.monotonic())
    return striker


async def process(home: Path, name: str) -> asyncio.subprocess.Process:
    """Start something that waits, with a pid file as the supervisor writes it."""
    (home / "run").mkdir(exist_ok=True)
    # Who is started in the background ignores SIGINT and SIGQUIT, and so would what it starts.
    usual = "[signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGQUIT)]"
    code = f"import signal; {usual}; print('up', flush=True); signal.pause()"
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=pipe)
    # A signal that comes while the interpreter starts ends it in another way.
    assert started.stdout is not None
    await started.stdout.readline()
    (home / "run" / f"{name}.pid").write_text(f"{started.pid}\n")
    return started


async def test_a_kill_ends_the_process_of_the_pid_file_and_is_expected(tmp_path: Path) -> None:
    victim = await process(tmp_path, "gateway")
    striker = await struck(tmp_path, Strike(0.0, Blow.KILL, "gateway"))
    assert await victim.wait() == -signal.SIGKILL
    assert striker.counts["kill gateway"] == striker.expected_deaths["gateway"] == 1
    assert striker.log[0].endswith("kill gateway")


@pytest.mark.parametrize(
    ("mode", "number"), [("fast", signal.SIGINT), ("immediate", signal.SIGQUIT)]
)
async def test_a_restart_asks_the_database_to_stop_in_its_own_way(
    tmp_path: Path, mode: str, number: signal.Signals
) -> None:
    victim = await process(tmp_path, "postgres")
    striker = await struck(tmp_path, Strike(0.0, Blow.RESTART, "postgres", 0.0, {"mode": mode}))
    assert await victim.wait() == -number
    assert striker.counts[f"restart postgres {mode}"] == 1


async def test_a_victim_that_is_just_being_started_again_is_waited_for(tmp_path: Path) -> None:
    striking = asyncio.create_task(struck(tmp_path, Strike(0.0, Blow.KILL, "payments")))
    await asyncio.wait([striking], timeout=0.1)
    assert not striking.done()
    victim = await process(tmp_path, "payments")
    await striking
    assert await victim.wait() == -signal.SIGKILL


async def test_a_fault_is_armed_at_the_provider_and_counted_by_status(tmp_path: Path) -> None:
    armed: list[object] = []
    fault = {"status": 500, "count": 2, "applied": True, "path": "/v1/refunds"}
    async with provider(armed) as stripe:
        strike = Strike(0.0, Blow.PROVIDER_FAULT, "stripe", 0.0, fault)
        striker = await struck(tmp_path, strike, stripe=stripe)
    assert armed == [fault]
    assert striker.counts["provider armed with 500 applied"] == 2


async def test_a_cluster_that_is_away_cannot_be_struck_and_that_is_told(tmp_path: Path) -> None:
    striker = await struck(tmp_path, Strike(0.0, Blow.DROP_WATCHES, "kubernetes"))
    assert striker.log[0].endswith("nothing to strike")
    assert striker.counts["watches dropped"] == 0
