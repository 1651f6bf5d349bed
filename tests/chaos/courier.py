"""Between the sandbox Stripe and the gateway: takes each event once, delivers it one to four times.

How often, when and on which path is drawn from the seed, the purchase and the event's type, so that
a seed repeats it. A copy that is not answered with a 2xx is sent again, as the provider does.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from deploy.sandbox.stripe.signing import sign
from tests.chaos.roster import Roster

PATHS = ("/webhooks/stripe", "/api/webhooks/stripe", "/api/billing/webhook")
MOST_COPIES = 4
_WINDOWS = (0.0, 0.05, 0.5, 3.0)
_WITHHELD = 0.5
"""Share of the events of a purchase that is to lose some of them until the end."""
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_AT_ONCE = 48
_TIMEOUT = aiohttp.ClientTimeout(total=15.0)


@dataclass(frozen=True, slots=True)
class Copies:
    """When the copies of one event are sent, in seconds after it came; none: at the very end."""

    delays: tuple[float, ...]
    paths: tuple[str, ...]
    withheld: bool = False


def draw_copies(seed: int, purchase: int, event_type: str, nth: int, *, withheld: bool) -> Copies:
    """Draw the copies of the nth event of a type that a purchase caused."""
    rng = random.Random(f"courier/{seed}/{purchase}/{event_type}/{nth}")
    number = rng.randint(1, MOST_COPIES)
    kept = withheld and rng.random() < _WITHHELD
    delays = tuple(round(rng.uniform(0, rng.choice(_WINDOWS)), 3) for _ in range(number))
    return Copies(delays, tuple(rng.choice(PATHS) for _ in range(number)), kept)


@dataclass(slots=True)
class Told:
    """One event, its bytes, and what became of its copies."""

    id: str
    type: str
    customer: str
    body: bytes
    came: float
    log: list[str] = field(default_factory=list)


class Courier:
    """Runs as a web server for the provider, with its deliveries as tasks of ``tasks``."""

    def __init__(
        self, seed: int, gateway: str, secret: str, roster: Roster, tasks: asyncio.TaskGroup
    ) -> None:
        self._seed = seed
        self._gateway = gateway
        self._secret = secret
        self._roster = roster
        self._tasks = tasks
        self._http: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._released = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._nth: Counter[tuple[str, str]] = Counter()
        self.events: dict[str, Told] = {}
        self.counts: Counter[str] = Counter()

    async def start(self) -> str:
        """Listen; returns the URL for the provider."""
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Stop listening, and give up what was not delivered."""
        for task in self._open:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    def release(self) -> None:
        """Send what was withheld, and withhold nothing any more."""
        self._released.set()

    @property
    def idle(self) -> bool:
        """Whether every copy was taken."""
        return not self._open

    def again(self) -> int:
        """Send every event once more; returns how many."""
        for told in self.events.values():
            self._send(told, Copies((0.0,), (PATHS[0],)))
        return len(self.events)

    def of_customer(self, customer: str) -> list[Told]:
        """Return what was told of a customer, in the order in which it came."""
        if not customer:
            return []
        return [told for told in self.events.values() if told.customer == customer]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        event: dict[str, Any] = orjson.loads(body)
        if event["id"] in self.events:
            self.counts["told again by the provider"] += 1
            return web.Response(status=200)
        about = event["data"]["object"]
        if about["object"] == "customer":
            self._roster.learn(about)
        customer = about["id"] if about["object"] == "customer" else about.get("customer")
        told = Told(event["id"], event["type"], customer or "", body, time.monotonic())
        self.events[told.id] = told
        self._nth[told.customer, told.type] += 1
        number, withheld = self._roster.whose(told.customer)
        nth = self._nth[told.customer, told.type]
        self._send(told, draw_copies(self._seed, number, told.type, nth, withheld=withheld))
        return web.Response(status=200)

    def _send(self, told: Told, copies: Copies) -> None:
        withheld = copies.withheld and not self._released.is_set()
        self.counts["events withheld"] += withheld
        for delay, path in zip(copies.delays, copies.paths, strict=True):
            task = self._tasks.create_task(self._deliver(told, delay, path, withheld=withheld))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _deliver(self, told: Told, delay: float, path: str, *, withheld: bool) -> None:
        if withheld:
            await self._released.wait()
        await asyncio.sleep(delay)
        self.counts["copies"] += 1
        wait = _FIRST_WAIT
        while True:
            async with self._limit:
                answered = await self._post(told.body, path)
            self.counts["deliveries"] += 1
            since = time.monotonic() - told.came
            told.log.append(f"+{since:.2f} s {path}: {answered}")
            if answered.startswith("2"):
                return
            self.counts[f"answered {answered}"] += 1
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _post(self, body: bytes, path: str) -> str:
        assert self._http is not None
        # The edge bounds the age of a signature: it is made for each attempt.
        signature = sign(body, self._secret, int(time.time()))
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        try:
            async with self._http.post(self._gateway + path, data=body, headers=headers) as answer:
                await answer.read()
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            return type(failure).__name__
