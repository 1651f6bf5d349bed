"""Webhooks pass by what other requests need: counted each, told of by the batch."""

import asyncio
import hmac
import io
import json
import time
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest
import structlog

from gateway import observe
from gateway.limits import InFlight
from gateway.observe import Observer, told
from gateway.ports import IngestAnswer, Ingested, Webhook
from gateway.routes.webhooks import PATHS, WebhookEdge
from services.chassis.clock import SystemClock
from services.chassis.groupcommit import GroupCommit
from services.chassis.metrics import Metrics
from services.chassis.telemetry import configure_logging
from tests.fakes.gateway import MemoryPayments


class Hot:
    """The edge behind the observer, and what both told."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.metrics = Metrics()
        self.payments = MemoryPayments()
        self.broken: Exception | None = None

    async def ingest(self, webhooks: "list[Webhook]") -> "list[IngestAnswer]":
        if self.broken is not None:
            raise self.broken
        return list(await self.payments.ingest(webhooks))

    def lines(self, event: str) -> list[dict[str, object]]:
        found = [json.loads(line) for line in self.out.getvalue().splitlines()]
        return [line for line in found if line["event"] == event]

    def count(self, status: int) -> float:
        return next(
            (
                sample.value
                for family in self.metrics.families()
                for sample in family.samples
                if sample.name == "tollgate_http_requests_total"
                and sample.labels["status"] == str(status)
            ),
            0.0,
        )


async def nowhere(*_: object) -> None:
    raise AssertionError("a webhook went the way of other requests")


def signed(body: bytes) -> dict[str, str]:
    moment = int(time.time())
    digest = hmac.new(b"whsec", b"%d.%b" % (moment, body), sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={digest}"}


@pytest.fixture
async def hot(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hot]:
    found = Hot()
    configure_logging("gateway", "info", found.out)
    # The module's own keeps to what was configured when it wrote its first line.
    monkeypatch.setattr(observe, "_log", structlog.get_logger("gateway.http"))
    yield found
    structlog.reset_defaults()


@pytest.fixture
async def client(hot: Hot) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to the paths of webhooks, with the batches running."""
    batches: GroupCommit[Webhook, IngestAnswer] = GroupCommit(
        told(hot.ingest),  # type: ignore[arg-type]  # lists are sequences
        key=lambda _: 0,
        size=lambda webhook: len(webhook.body),
    )
    edge = WebhookEdge(batches, InFlight(requests=8, body_bytes=1 << 22), SystemClock())
    observer = Observer(nowhere, hot.metrics, dict.fromkeys(PATHS, edge))
    transport = httpx.ASGITransport(observer)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batches.run(stopping))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            yield http
        stopping.set()


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_taken_is_counted_and_told_of_with_its_batch(
    hot: Hot, client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, content=b"{}", headers=signed(b"{}"))
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert hot.count(200) == 1
    (line,) = hot.lines("webhooks")
    assert (line["count"], line[Ingested.STORED.value]) == (1, 1)
    assert hot.lines("request") == []


async def test_what_is_refused_has_a_line_of_its_own(hot: Hot, client: httpx.AsyncClient) -> None:
    answer = await client.post(PATHS[0], content=b"{}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "SIGNATURE_MISSING"
    (line,) = hot.lines("request")
    assert (line["route"], line["status"]) == (PATHS[0], 400)
    assert hot.count(400) == 1


async def test_what_nobody_foresaw_is_answered_without_its_text(
    hot: Hot, client: httpx.AsyncClient
) -> None:
    hot.broken = RuntimeError("hunter2")
    answer = await client.post(PATHS[0], content=b"{}", headers=signed(b"{}"))
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert hot.count(500) == 1
    assert hot.lines("request failed")
