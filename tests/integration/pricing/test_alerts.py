"""From capacity that stands to a mail and a signed webhook: store, queue, worker and senders."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as readable
from ipaddress import ip_network
from pathlib import Path

import orjson
import pytest

from deploy.sandbox.mail.server import MailSink
from services.chassis.clock import SystemClock
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.ids import RandomIds
from services.chassis.metrics import Metrics
from services.chassis.migrate import migrate
from services.chassis.queue import Worker
from services.chassis.wakeups import Wakeups
from services.pricing import capacity as c
from services.pricing.costs import usecases
from services.pricing.costs.budgets import Basis, BudgetWish, Threshold
from services.pricing.costs.domain import CostFilter, Observation
from services.pricing.costs.ports import Sender
from services.pricing.costs.sight import Asker
from services.pricing.costs.store import DELIVERIES, CardsByVersion, PgCostStore
from services.pricing.costs.telling import Delivery, DeliveryState, NotDelivered, Telling
from services.pricing.costs.usecases import BudgetChange
from services.pricing.worker.telling import AlertTeller, Mailer
from services.pricing.worker.telling.settings import MailSettings
from services.pricing.worker.telling.webhooks import WebhookSender
from tests.contract.stores.costs_backend import CARD, CODEC, MIGRATIONS, OnPostgres
from tests.integration.postgres_fixture import Database

ADA = Asker("ada", name="ada", email="ada@acme.example")
KEYS = Telling(mail=True, webhook_keys=(b"k" * 32,))
CLOCK = SystemClock()
CAPACITY = c.Organization({"cpu": "8"}, {}, "1", c.ContainerLimits(), None, 0, {})


class Hook:
    """An endpoint that is down for the first ``failures`` requests."""

    def __init__(self, failures: int) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.failures = failures
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        request = head + await reader.readexactly(size)
        self.failures -= 1
        writer.write(b"HTTP/1.1 %d .\r\n\r\n" % (503 if self.failures >= 0 else 200))
        writer.close()
        self.heard.put_nowait(request)


@asynccontextmanager
async def listening(hook: Hook) -> AsyncIterator[str]:
    async with await asyncio.start_server(hook.serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alerts"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    made = await open_pool(dsns.service, application_name="test", max_size=6)
    yield made
    await made.close()


@asynccontextmanager
async def telling(
    pool: Pool, tx: PgTransactions[PgCostStore], wakeups: Wakeups, sink: MailSink
) -> AsyncIterator[None]:
    """Run two replicas of what tells people of alerts."""
    at = MailSettings("127.0.0.1", sink.port, "none", "", "", "tollgate@gate.example")
    tls, stopping = ssl.create_default_context(), asyncio.Event()
    senders: list[Sender] = [
        Mailer(at, tls, CLOCK),
        WebhookSender(KEYS, (ip_network("127.0.0.0/8"),), tls, CLOCK),
    ]
    tries = Metrics().counter("alert_deliveries", "Tries", ("channel", "outcome"))
    handle = AlertTeller(tx, senders, tries).handle
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(2):
            worker = Worker(pool, DELIVERIES, handle, wakeups=wakeups, clock=CLOCK, poll=0.1)
            group.create_task(worker.run(stopping))
        yield
        stopping.set()


async def spending(pool: Pool, tx: PgTransactions[PgCostStore]) -> None:
    """Let eight cores of Ada's stand since long ago."""
    await OnPostgres(pool).activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
    begin = datetime.now(UTC) - timedelta(days=100)
    told = Observation("ten_1", 1, begin, "acc_1", "kube-dc/dev", CAPACITY, user="ada")
    await usecases.take_observation(tx, told)


def budget(url: str) -> BudgetWish:
    return BudgetWish(
        "Mine",
        CostFilter(user="ada"),
        "usd",
        10_000,
        (Threshold(100, Basis.FORECAST),),
        emails=("ada@acme.example",),
        webhook_url=url,
    )


async def of_alert(tx: PgTransactions[PgCostStore]) -> list[Delivery]:
    (told,) = (await usecases.list_alerts(tx, ADA, "", 0, "")).items
    return list(told.deliveries)


async def over(tx: PgTransactions[PgCostStore]) -> None:
    """Wait until nothing is to be told any more; the surrounding time-out bounds it."""
    while any(one.state is DeliveryState.PENDING for one in await of_alert(tx)):
        await CLOCK.sleep(0.02)


async def test_a_passed_threshold_reaches_mailbox_and_endpoint_once(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The endpoint's first failure is tried again at once, not in five seconds.
    monkeypatch.setattr("services.pricing.costs.usecases.deliveries.RETRY_AFTER", (0.05,) * 9)
    wakeups, cards, hook = Wakeups(), CardsByVersion(), Hook(failures=2)
    tx = PgTransactions(pool, lambda one: PgCostStore(one, CODEC, cards), wakeups=wakeups)
    await spending(pool, tx)
    async with MailSink(tmp_path / "mails") as sink, listening(hook) as url:
        made = await usecases.create_budget(
            tx, RandomIds(), ADA, BudgetChange("", b""), budget(url), KEYS
        )
        async with telling(pool, tx, wakeups, sink):
            assert len(await usecases.evaluate_budgets(tx)) == 1
            assert await usecases.evaluate_budgets(tx) == []
            (mail,) = await sink.until(1)
            requests = [await hook.heard.get() for _ in range(3)]
            await over(tx)
        assert hook.heard.empty()
        assert len(sink.mails()) == 1
    message = message_from_bytes(mail, policy=readable)
    assert message["To"] == "ada@acme.example"
    assert "Mine" in message["Subject"]
    ids = {head_of(one)["webhook-id"] for one in requests}
    assert len(ids) == 1
    assert len({one.partition(b"\r\n\r\n")[2] for one in requests}) == 1
    event = orjson.loads(requests[0].partition(b"\r\n\r\n")[2])
    assert event["type"] == "budget.threshold_passed"
    assert event["data"]["budget"] == made.name
    assert (event["data"]["amount"], event["data"]["currency"]) == ("100.00", "USD")
    told = {one.channel.value: (one.state, one.attempts) for one in await of_alert(tx)}
    assert told == {
        "MAIL": (DeliveryState.DELIVERED, 1),
        "WEBHOOK": (DeliveryState.DELIVERED, 3),
    }


async def test_what_was_given_up_stays_so_whoever_writes_later(pool: Pool) -> None:
    cards = CardsByVersion()
    tx = PgTransactions(pool, lambda one: PgCostStore(one, CODEC, cards))
    await spending(pool, tx)
    url = "https://hooks.example/"
    await usecases.create_budget(tx, RandomIds(), ADA, BudgetChange("", b""), budget(url), KEYS)
    await usecases.evaluate_budgets(tx)
    name = next(one.name for one in await of_alert(tx) if one.channel.value == "WEBHOOK")

    class Slow:
        """Takes the message while another run of a lost lease gives it up."""

        channel = WebhookSender.channel

        async def send(self, delivery: Delivery) -> None:
            await usecases.deliver(tx, [Refusing()], delivery.name)

    class Refusing:
        channel = WebhookSender.channel

        async def send(self, delivery: Delivery) -> None:
            raise NotDelivered("gone", for_good=True)

    await usecases.deliver(tx, [Slow()], name)
    (state,) = {one.state for one in await of_alert(tx) if one.name == name}
    assert state is DeliveryState.GIVEN_UP


def head_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}
