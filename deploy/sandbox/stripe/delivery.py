"""Delivers events to webhook endpoints: signed, at least once, again until a 2xx answers.

Plans are in the store, so a restarted sandbox goes on where a killed one stopped. An attempt that
was answered but not yet written down when the process died is made again, as with the provider.
"""

import asyncio
import heapq
from collections.abc import Sequence

import aiohttp
import orjson

from deploy.sandbox.stripe.context import World
from deploy.sandbox.stripe.events import shown
from deploy.sandbox.stripe.journal import Change
from deploy.sandbox.stripe.shapes import JsonObject, copy_of
from deploy.sandbox.stripe.signing import sign_all

RETRY_SCHEDULE = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # seconds; the last repeats
ATTEMPT_TIMEOUT = 10.0
CONCURRENCY = 16
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "Accept": "*/*; q=0.5, application/xml",
    "Cache-Control": "no-cache",
}


def body_of(event: JsonObject, api_version: str) -> bytes:
    """The bytes that are sent, the same at each attempt."""
    return orjson.dumps({**shown(event), "api_version": api_version}, option=orjson.OPT_INDENT_2)


class Deliverer:
    """Sends what is due. `schedule`: seconds between attempts, its last value for all further."""

    def __init__(self, world: World, schedule: Sequence[float] = RETRY_SCHEDULE) -> None:
        self._world = world
        self._schedule = tuple(schedule)
        self._due: list[tuple[float, int, str, int]] = []
        self._queued: set[tuple[str, int]] = set()
        self._sequence = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def watch(self) -> None:
        """Queue what the store already holds and listen for what it will."""
        for group in self._world.store.shelf("delivery").objects.values():
            self._queue(group)
        self._world.store.committed = self._committed

    def _committed(self, change: Change) -> None:
        for kind, value in change.put:
            if kind == "delivery":
                self._queue(value)

    def _queue(self, group: JsonObject) -> None:
        for at, plan in enumerate(group["plans"]):
            if plan["status"] == "pending" and (group["id"], at) not in self._queued:
                self._queued.add((group["id"], at))
                self._sequence += 1
                heapq.heappush(self._due, (plan["due"], self._sequence, group["id"], at))
        if self._queued:
            self._idle.clear()
            self._wake.set()

    async def delivered(self) -> None:
        """Return when nothing waits for delivery any more."""
        await self._idle.wait()

    async def run(self) -> None:
        """Deliver until cancelled."""
        limit = asyncio.Semaphore(CONCURRENCY)
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT)
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as http,
            asyncio.TaskGroup() as attempts,
        ):
            while True:
                event_id, at = await self._next()
                await limit.acquire()
                task = attempts.create_task(self._attempt(http, event_id, at))
                task.add_done_callback(lambda _: limit.release())

    async def _next(self) -> tuple[str, int]:
        while True:
            self._wake.clear()
            wait = self._due[0][0] - self._world.clock.time() if self._due else None
            if wait is not None and wait <= 0:
                _, _, event_id, at = heapq.heappop(self._due)
                return event_id, at
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue

    async def _attempt(self, http: aiohttp.ClientSession, event_id: str, at: int) -> None:
        objects = self._world.store.shelf("delivery").objects
        plan = objects[event_id]["plans"][at]
        endpoint = self._world.store.shelf("webhook_endpoint").objects.get(plan["endpoint"])
        if endpoint is None:
            self._settle(event_id, at, {"status": "dropped"})
            return
        answered, problem = await self._post(http, event_id, endpoint)
        tries = plan["attempts"] + 1
        outcome: JsonObject = {
            "attempts": tries,
            "last_status": answered,
            "last_error": problem,
            "status": "delivered" if answered is not None and 200 <= answered < 300 else "pending",
            "due": self._world.clock.time() + self._schedule[min(tries, len(self._schedule)) - 1],
        }
        self._settle(event_id, at, outcome)

    async def _post(
        self, http: aiohttp.ClientSession, event_id: str, endpoint: JsonObject
    ) -> tuple[int | None, str | None]:
        """One attempt: the status that answered, or what went wrong on the way."""
        store = self._world.store
        secrets = store.shelf("signing_secrets").objects[endpoint["id"]]["secrets"]
        version = endpoint["api_version"] or self._world.account.api_version
        payload = body_of(store.shelf("event").objects[event_id], version)
        signature = sign_all(payload, secrets, int(self._world.clock.time()))
        headers = HEADERS | {"Stripe-Signature": signature}
        try:
            async with http.post(
                endpoint["url"], data=payload, headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status, None
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            return None, f"{type(failure).__name__}: {failure}"

    def _settle(self, event_id: str, at: int, outcome: JsonObject) -> None:
        self._queued.discard((event_id, at))
        tx = self._world.begin().tx
        group = copy_of(self._world.store.shelf("delivery").objects[event_id])
        group["plans"][at] |= outcome
        tx.give("delivery", group)
        tx.commit()
        if not self._queued:
            self._idle.set()
