"""Processes: their settings, their signals, and what their exit code says."""

import asyncio
import signal

import pytest

from tests.unit.chassis.rpc.starting import program

MODULE = "tests.unit.chassis.rpc.program"

GOOD = {"PROGRAM_TARGET": "127.0.0.1:1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_exits_with_zero(number: signal.Signals) -> None:
    async with program(MODULE, **GOOD, PROGRAM_MODE="work") as started:
        line = await started.line("serving")
        assert line["password"] == "[hidden]"
        started.process.send_signal(number)
        code, complaint = await started.end()
    assert (code, complaint) == (0, "")
    order = ["stopping", "work finished", "loop cancelled", "resources closed", "process ended"]
    assert [event for event in started.events if event in order] == order


async def test_work_that_never_ends_is_cut_off_after_the_drain_time() -> None:
    async with program(
        MODULE, **GOOD, PROGRAM_MODE="forever", TOLLGATE_DRAIN_SECONDS="0.1"
    ) as started:
        await started.line("serving")
        started.process.terminate()
        code, _ = await started.end()
    assert code == 0
    assert "work cut off" in started.events


async def test_a_loop_that_fails_ends_the_process_with_one() -> None:
    async with program(MODULE, **GOOD, PROGRAM_MODE="loop") as started:
        code, _ = await started.end()
    assert code == 1
    (line,) = [line for line in started.lines if line["event"] == "process failed"]
    assert line["problem"] == "RuntimeError"
    assert "the loop broke" in line["exception"]
    assert started.events[-1] == "process failed"
    assert "resources closed" in started.events


async def test_what_cannot_start_says_so_in_one_sentence() -> None:
    async with program(MODULE, **GOOD, PROGRAM_MODE="refuse") as started:
        code, complaint = await started.end()
    assert (code, complaint) == (1, "the database at 127.0.0.1:1 cannot be reached\n")


async def test_a_wrong_configuration_exits_with_78_and_says_what_is_wrong() -> None:
    for arguments in ((), ("--validate",)):
        async with program(MODULE, *arguments, PROGRAM_MODE="dance") as started:
            code, complaint = await started.end()
        assert code == 78
        assert 'PROGRAM_MODE: "dance" is none of them; expected one of serve' in complaint
        assert "PROGRAM_TARGET: missing; expected host:port" in complaint


async def test_validate_says_that_a_configuration_is_valid_and_starts_nothing() -> None:
    async with program(MODULE, "--validate", **GOOD) as started:
        out, complaint = await started.process.communicate()
    assert (out, complaint) == (b"configuration is valid\n", b"")
    assert started.process.returncode == 0


async def test_help_lists_the_settings() -> None:
    async with program(MODULE, "--help") as started:
        out, _ = await started.process.communicate()
    assert b"PROGRAM_MODE (default serve): one of serve, loop" in out
    assert b"LOG_LEVEL (default info)" in out
    assert started.process.returncode == 0


async def test_an_unknown_argument_is_refused() -> None:
    async with program(MODULE, "--fast", **GOOD) as started:
        assert (await started.end())[0] == 64


async def test_probes_tell_life_readiness_and_metrics() -> None:
    async with program(MODULE, **GOOD, TOLLGATE_METRICS_ADDRESS="127.0.0.1:0") as started:
        port = (await started.line("probes listen"))["port"]
        await started.line("serving")
        assert await get(port, "/livez") == (200, "alive\n")
        assert await get(port, "/readyz") == (200, "ready\n")
        status, text = await get(port, "/metrics")
        assert status == 200
        assert "# TYPE tollgate_rpc_handled_total counter" in text
        assert (await get(port, "/other"))[0] == 404
        started.process.terminate()
        assert (await started.end())[0] == 0


async def get(port: int, path: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = raw.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body
