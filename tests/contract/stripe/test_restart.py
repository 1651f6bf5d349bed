"""A killed sandbox comes back with all that it answered, and goes on delivering."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe, WebhookTarget
from deploy.sandbox.stripe.journal import JournalBusyError
from tests.contract.stripe.support import (
    SECRET,
    Receiver,
    official,
    pay,
    receiving,
    subscribe,
)

ROOT = Path(__file__).parents[3]
KEY = "sk_test_restart"


class Process:
    """The sandbox as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process

    async def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(10):
            return await self._process.wait()


@asynccontextmanager
async def started(data: Path, catalog: Path, hook: str) -> AsyncIterator[Process]:
    port_file = data.parent / "port"
    port_file.unlink(missing_ok=True)
    arguments = f"--port 0 --port-file {port_file} --data {data} --catalog {catalog}".split()
    arguments += ["--secret-key", KEY, "--webhook", f"{hook}={SECRET}"]
    arguments += ["--retry-schedule", "0.05"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.sandbox.stripe",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("sandbox stripe acct_")
        found = Process(process, line.split()[-1])
        yield found
        await found.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_nothing_answered_is_lost_by_a_kill(
    tmp_path: Path, catalog_file: Path, receiver: Receiver
) -> None:
    data = tmp_path / "data"
    receiver.statuses = [503] * 100_000
    async with started(data, catalog_file, receiver.url) as first:
        async with official(first.url, KEY) as client:
            session = await subscribe(client, "price_pro")
            still_open = await subscribe(client, "price_max")
            assert (await pay(session.url)).status_code == 303
            made = await client.v1.customers.create_async(
                {"name": "A"}, {"idempotency_key": "kept"}
            )
            events = await client.v1.events.list_async({"limit": 100})
        await first.kill()
    receiver.got.clear()
    receiver.statuses.clear()
    async with started(data, catalog_file, receiver.url) as second:
        assert (tmp_path / "port").read_text() == second.url.rpartition(":")[2]
        async with official(second.url, KEY) as client:
            done = await client.v1.checkout.sessions.retrieve_async(
                session.id, {"expand": ["subscription.latest_invoice.payments"]}
            )
            assert done.payment_status == "paid"
            again = await client.v1.customers.create_async(
                {"name": "A"}, {"idempotency_key": "kept"}
            )
            assert again.id == made.id
            wanted = {event.id for event in events.data}
            await receiver.until(
                lambda: wanted <= {received.event().id for received in receiver.got}
            )
            moved = await client.v1.checkout.sessions.retrieve_async(still_open.id)
            assert (await pay(moved.url)).status_code == 303
        assert await second.stop() == 0


async def test_a_line_cut_off_by_a_kill_is_forgotten(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with (
        SandboxStripe(data=data) as first,
        official(first.url, first.secret_key) as client,
    ):
        kept = await client.v1.customers.create_async({"name": "A"})
    with (data / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"put":[["customer",{"id":"cus_torn"')
    for _ in range(2):
        async with (
            SandboxStripe(data=data) as again,
            official(again.url, again.secret_key) as client,
        ):
            found = await client.v1.customers.list_async()
            assert [item.id for item in found.data][-1] == kept.id
            await client.v1.customers.create_async({"name": "B"})


async def test_a_moved_receiver_still_gets_what_waits(tmp_path: Path) -> None:
    data = tmp_path / "data"
    gone = WebhookTarget("http://127.0.0.1:9/hook", (SECRET,))
    async with (
        SandboxStripe(data=data, webhooks=[gone], retry_schedule=(0.05,)) as first,
        official(first.url, first.secret_key) as client,
    ):
        made = await client.v1.customers.create_async({"name": "A"})
    async with receiving() as receiver:
        target = WebhookTarget(receiver.url, (SECRET,))
        async with SandboxStripe(data=data, webhooks=[target]) as second:
            await second.delivered()
        assert [at.event().data.object["id"] for at in receiver.got] == [made.id]


async def test_one_folder_belongs_to_one_sandbox(tmp_path: Path) -> None:
    async with SandboxStripe(data=tmp_path):
        with pytest.raises(JournalBusyError):
            async with SandboxStripe(data=tmp_path):
                pytest.fail("a second sandbox opened the same folder")


async def test_the_official_client_sees_a_stopped_sandbox_as_unreachable() -> None:
    async with SandboxStripe() as sandbox:
        url, key = sandbox.url, sandbox.secret_key
    async with official(url, key) as client:
        with pytest.raises(stripe.APIConnectionError):
            await client.v1.accounts.retrieve_current_async()
