"""A service as a process: it listens, answers, is told to stop, and loses nothing."""

import asyncio
import socket

from services.chassis.channel import connect
from services.chassis.facts import FactRecord, Outcome
from services.chassis.sink import FactSinkClient
from tests.unit.chassis.rpc.starting import Started, program
from tests.unit.chassis.rpc.support import Authority

MODULE = "tests.unit.chassis.rpc.example"


async def test_a_call_that_runs_at_sigterm_is_answered_before_the_process_ends(
    authority: Authority, settings: dict[str, str]
) -> None:
    async with program(MODULE, **settings) as started:
        port = (await started.line("listening"))["internal_port"]
        own = authority.issue("payments")
        async with connect(f"127.0.0.1:{port}", server_name="pricing", tls=own) as channel:
            client = FactSinkClient(channel)
            fact = FactRecord("f1", "k1", 1, "tollgate.test.v1.Thing", b"secret payload")
            call = asyncio.create_task(client.deliver([fact]))
            taking = await started.line("taking")
            assert taking["source"] == "payments"
            started.process.terminate()
            (answer,) = await call
            assert answer.outcome is Outcome.ACCEPTED
        code, complaint = await started.end()
    assert (code, complaint) == (0, "")
    (rpc,) = [line for line in started.lines if line["event"] == "rpc"]
    assert (rpc["code"], rpc["caller"]) == ("OK", "payments")
    assert len(rpc["trace_id"]) == 32
    text = repr(started.lines)
    assert "hunter2" not in text
    assert "secret payload" not in text


async def test_a_taken_port_is_said_in_one_sentence(settings: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with program(MODULE, **{**settings, "TOLLGATE_PUBLIC_ADDRESS": address}) as started:
            ended = await failed(started)
    assert ended == f"pricing cannot listen on {address}: another process already does.\n"


async def test_a_certificate_that_is_none_is_said_in_one_sentence(
    authority: Authority, settings: dict[str, str]
) -> None:
    files = authority.issue("pricing")
    files.key.write_text("not a key")
    async with program(MODULE, **settings) as started:
        ended = await failed(started)
    assert ended.startswith(f"The certificate {files.cert} cannot be used: ")
    assert ended.count("\n") == 1


async def failed(started: Started) -> str:
    """Wait for an end with exit code 1; return what stderr said."""
    code, complaint = await started.end()
    assert code == 1
    return complaint
