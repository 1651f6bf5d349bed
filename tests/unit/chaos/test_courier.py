"""The courier: how often, when and on which path an event is delivered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
from aiohttp import web

from tests.chaos.courier import PATHS, Courier, draw_copies
from tests.chaos.drawing import draw
from tests.chaos.roster import Roster

SECRET = "whsec_one"
QUICK = 7
"""A seed whose copies of a completed checkout come within a tenth of a second."""


def event(number: int, customer: str) -> bytes:
    about = {"id": f"cs_{number}", "object": "checkout.session", "customer": customer}
    told = {"id": f"evt_{number}", "type": "checkout.session.completed", "data": {"object": about}}
    return orjson.dumps(told)


class Gateway:
    """Counts what it is sent, and refuses the first so many."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.taken: Counter[str] = Counter()
        self.signed: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        if self.refuses:
            self.refuses -= 1
            return web.Response(status=503)
        self.taken[orjson.loads(await request.read())["id"]] += 1
        self.signed.append(request.headers["Stripe-Signature"])
        return web.Response(status=200)


@asynccontextmanager
async def delivering(gateway: Gateway) -> AsyncIterator[tuple[Courier, str]]:
    app = web.Application()
    app.add_routes([web.post(path, gateway.take) for path in PATHS])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with asyncio.TaskGroup() as tasks:
            courier = Courier(QUICK, base, SECRET, Roster(draw(1, 3).purchases), tasks)
            yield courier, await courier.start()
            await courier.stop()
    finally:
        await runner.cleanup()


async def tell(url: str, *bodies: bytes) -> None:
    async with aiohttp.ClientSession() as http:
        for body in bodies:
            async with http.post(url, data=body) as answer:
                assert answer.status == 200


async def at_rest(courier: Courier) -> None:
    async with asyncio.timeout(10):
        while not courier.idle:  # noqa: ASYNC110 - deliveries are tasks of the courier
            await asyncio.sleep(0.01)


def test_copies_are_repeated_by_a_seed_and_one_to_four() -> None:
    drawn = [draw_copies(1, number, "invoice.paid", 1, withheld=False) for number in range(200)]
    again = [draw_copies(1, number, "invoice.paid", 1, withheld=False) for number in range(200)]
    assert drawn == again
    assert {len(copies.delays) for copies in drawn} == {1, 2, 3, 4}
    assert {path for copies in drawn for path in copies.paths} == set(PATHS)
    assert not any(copies.withheld for copies in drawn)


def test_of_a_purchase_that_is_to_lose_events_some_are_withheld() -> None:
    drawn = {draw_copies(1, 1, f"type-{at}", 1, withheld=True).withheld for at in range(50)}
    assert drawn == {True, False}


async def test_each_event_is_delivered_as_often_as_was_drawn() -> None:
    gateway = Gateway()
    async with delivering(gateway) as (courier, url):
        await tell(url, *(event(number, f"cus_{number}") for number in range(10)))
        await at_rest(courier)
        copies = courier.counts["copies"]
    assert set(gateway.taken) == {f"evt_{number}" for number in range(10)}
    assert sum(gateway.taken.values()) == copies
    assert all(1 <= times <= 4 for times in gateway.taken.values())
    assert all("v1=" in signature for signature in gateway.signed)


async def test_what_is_refused_is_delivered_again_until_it_is_taken() -> None:
    gateway = Gateway(refuses=3)
    async with delivering(gateway) as (courier, url):
        await tell(url, event(1, "cus_1"))
        await at_rest(courier)
        counts = courier.counts
    assert counts["deliveries"] == counts["copies"] + 3
    assert counts["answered 503"] == 3
    assert sum(gateway.taken.values()) == counts["copies"]


async def test_everything_can_be_told_once_more() -> None:
    gateway = Gateway()
    async with delivering(gateway) as (courier, url):
        await tell(url, event(1, "cus_1"), event(2, "cus_2"))
        await at_rest(courier)
        before = sum(gateway.taken.values())
        assert courier.again() == 2
        await at_rest(courier)
    assert sum(gateway.taken.values()) == before + 2


def test_a_customer_is_known_by_its_address_or_by_its_organization() -> None:
    purchases = draw(1, 30).purchases
    roster = Roster(purchases)
    roster.learn({"id": "cus_1", "email": "chaos-3@example.com", "metadata": {}})
    roster.learn({"id": "cus_2", "email": None, "metadata": {"organization": "chaos-4"}})
    roster.learn({"id": "cus_3", "email": "ada@example.com", "metadata": {}})
    assert roster.whose("cus_1") == (3, purchases[2].withheld)
    assert roster.whose("cus_2") == (4, purchases[3].withheld)
    assert roster.whose("cus_3") == roster.whose("cus_9") == (0, False)
