"""The supervisor with real processes: order, restarts, failures and the stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.sandbox.supervisor.errors import InvalidSpec, StartFailed, StopRequested
from deploy.sandbox.supervisor.readiness import answers, listens
from deploy.sandbox.supervisor.spec import Event, ProcessSpec, RestartPolicy, State
from deploy.sandbox.supervisor.supervisor import supervise
from tests.integration.sandbox.waiting import runs, until

QUICK = RestartPolicy(first=0.01, ceiling=0.05)


async def always() -> bool:
    return True


async def never() -> bool:
    return False


def sleeper(name: str, *depends_on: str) -> ProcessSpec:
    return ProcessSpec(name, ("sleep", "600"), {"PATH": os.defpath}, always, depends_on)


def script(name: str, code: str, ready: Callable[[], Awaitable[bool]] = always) -> ProcessSpec:
    argv = (sys.executable, "-I", "-S", "-c", code)
    return ProcessSpec(name, argv, {"PATH": os.defpath}, ready)


def touched(file: Path) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return file.exists()  # noqa: ASYNC240 - one look at a local file

    return ready


async def test_a_killed_process_is_started_again_with_a_new_pid(tmp_path: Path) -> None:
    async with supervise(tmp_path, policy=QUICK) as stack:
        await stack.start(sleeper("a"))
        first = stack.pids()["a"]
        assert (tmp_path / "run" / "a.pid").read_text() == f"{first}\n"
        os.kill(first, signal.SIGKILL)
        await until(lambda: stack.pids().get("a", first) != first)
        await until(lambda: stack.states() == {"a": State.READY})
        assert (tmp_path / "run" / "a.pid").read_text() == f"{stack.pids()['a']}\n"
        assert stack.starts("a") == 2


async def test_a_process_starts_when_what_it_depends_on_is_ready(tmp_path: Path) -> None:
    events: list[Event] = []
    async with supervise(tmp_path, on_event=events.append) as stack:
        await stack.start(sleeper("c", "a", "b"), sleeper("b", "a"), sleeper("a"))
    ready = [event.name for event in events if event.state is State.READY]
    stopped = [event.name for event in events if event.state is State.STOPPED]
    assert ready == ["a", "b", "c"]
    assert stopped == ["c", "b", "a"]


async def test_processes_that_do_not_depend_on_each_other_start_side_by_side(
    tmp_path: Path,
) -> None:
    both = {"a", "b"}
    started: set[str] = set()

    async def when_both_started() -> bool:
        return started == both

    def note(event: Event) -> None:
        if event.state is State.STARTING:
            started.add(event.name)

    async with supervise(tmp_path, on_event=note) as stack:
        await stack.start(
            *(script(name, "import time; time.sleep(600)", when_both_started) for name in both)
        )
        assert stack.states() == {"a": State.READY, "b": State.READY}


async def test_everything_is_gone_when_the_block_is_left_by_an_error(tmp_path: Path) -> None:
    pids: list[int] = []

    async def fail() -> None:
        async with supervise(tmp_path) as stack:
            await stack.start(sleeper("a"), sleeper("b"))
            pids.extend(stack.pids().values())
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    assert len(pids) == 2
    assert not any(runs(pid) for pid in pids)
    assert not list((tmp_path / "run").iterdir())


async def test_one_that_never_starts_is_said_with_the_end_of_its_log(tmp_path: Path) -> None:
    code = "print('no such flux capacitor', flush=True); raise SystemExit(3)"
    with pytest.raises(StartFailed) as failure:
        async with supervise(tmp_path, policy=QUICK) as stack:
            await stack.start(script("flux", code, never), sleeper("later", "flux"))
    assert "flux did not start: it ended with code 3" in str(failure.value)
    assert "no such flux capacitor" in str(failure.value)
    assert (tmp_path / "log" / "flux.log").read_text().count("no such") == QUICK.attempts


async def test_one_that_is_not_ready_in_time_is_killed_and_given_up(tmp_path: Path) -> None:
    spec = replace(script("slow", "import time; time.sleep(600)", never), start_timeout=0.1)
    with pytest.raises(StartFailed, match=r"not ready after 0\.1 s"):
        async with supervise(tmp_path, policy=RestartPolicy(attempts=1)) as stack:
            await stack.start(spec)


async def test_one_that_ignores_the_stop_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    flag = tmp_path / "deaf"
    code = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(flag)!r}).touch(); time.sleep(600)"
    )
    async with supervise(tmp_path) as stack:
        await stack.start(replace(script("deaf", code, touched(flag)), grace=0.1))
        pid = stack.pids()["deaf"]
    assert not runs(pid)


async def test_a_stop_that_is_asked_for_during_the_start_ends_the_start(tmp_path: Path) -> None:
    async with supervise(tmp_path) as stack:
        asyncio.get_running_loop().call_later(0.05, stack.request_stop)
        with pytest.raises(StopRequested):
            await stack.start(script("slow", "import time; time.sleep(600)", never))
        with pytest.raises(StopRequested):
            await stack.start(sleeper("late"))


async def test_a_later_group_is_refused_whole_if_it_has_no_order(tmp_path: Path) -> None:
    async with supervise(tmp_path) as stack:
        await stack.start(sleeper("a"))
        with pytest.raises(InvalidSpec):
            await stack.start(sleeper("b", "a"), sleeper("c", "nobody"))
        assert stack.states() == {"a": State.READY}


async def test_a_child_sees_only_the_environment_it_was_given(tmp_path: Path) -> None:
    code = "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)"
    log = tmp_path / "log" / "a.log"

    async def printed() -> bool:
        return log.read_text().endswith("\n")

    async with supervise(tmp_path) as stack:
        await stack.start(script("a", code, printed))
    seen = log.read_text()
    assert "'PATH'" in seen
    assert "'HOME'" not in seen


def describe(pid: int) -> tuple[str, str]:
    process = Path(f"/proc/{pid}")
    return (process / "comm").read_text().strip(), process.owner()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a child as another user")
async def test_a_child_runs_as_the_user_of_its_spec(tmp_path: Path) -> None:
    spec = ProcessSpec(
        "a", ("sleep", "600"), {"PATH": os.defpath}, always, user="nobody", cwd=Path("/")
    )
    async with supervise(tmp_path) as stack:
        await stack.start(spec)
        pid = stack.pids()["a"]
        await until(lambda: describe(pid) == ("sleep", "nobody"))
        assert stack.starts("a") == 1


async def test_readiness_is_asked_over_tcp_and_http() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        code = b"200 OK" if b"/healthz" in request else b"503 Busy"
        writer.write(b"HTTP/1.1 " + code + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await listens(port)()
        assert await answers(port, "/healthz")()
        assert not await answers(port, "/other")()
    with pytest.raises(OSError):  # noqa: PT011 - refused, in whatever words
        await listens(port)()
