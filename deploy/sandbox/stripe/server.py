"""The sandbox as a whole: its state, its server, its deliveries, started and stopped together."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from deploy.sandbox.stripe import app, catalog
from deploy.sandbox.stripe.clock import Clock, SystemClock
from deploy.sandbox.stripe.context import API_VERSION, Account, Context, WebhookTarget, World
from deploy.sandbox.stripe.delivery import RETRY_SCHEDULE, Deliverer
from deploy.sandbox.stripe.idempotency import KEPT_SECONDS
from deploy.sandbox.stripe.journal import Journal
from deploy.sandbox.stripe.resources import (
    checkout_sessions,
    events,
    portal_sessions,
    webhook_endpoints,
)
from deploy.sandbox.stripe.scheduler import Scheduler
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.state import Store
from services.pricing.sources import ImportSettings

SHUTDOWN_SECONDS = 1.0
DEFAULT_ACCOUNT = "acct_1TollgateSandbox"
DEFAULT_KEY = "sk_test_tollgateSandboxKey"


class SandboxStripe:
    """A sandbox on a port of its own: `async with SandboxStripe() as stripe: stripe.url`.

    `port` 0 takes a free one. Without `data` nothing outlives it. `retry_schedule`: seconds
    between attempts to deliver an event, the last repeats.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: Path | None = None,
        account: str = DEFAULT_ACCOUNT,
        secret_key: str = DEFAULT_KEY,
        catalogs: Iterable[Path] = (),
        imports: ImportSettings | None = None,
        webhooks: Iterable[WebhookTarget] = (),
        api_version: str = API_VERSION,
        retry_schedule: Sequence[float] = RETRY_SCHEDULE,
        clock: Clock | None = None,
    ) -> None:
        self._address = (host, port)
        self._data = data
        self._catalogs = tuple(catalogs)
        self._imports = imports or ImportSettings()
        self._webhooks = tuple(webhooks)
        self._retry_schedule = tuple(retry_schedule)
        self._clock = clock or SystemClock()
        self._account = Account(account, secret_key, api_version)
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._deliverer: Deliverer | None = None

    @property
    def url(self) -> str:
        """Where it listens, e.g. `http://127.0.0.1:45001`; empty before it does."""
        return self._account.url

    @property
    def secret_key(self) -> str:
        """The key that API calls need."""
        return self._account.secret_key

    @property
    def account(self) -> str:
        """The id of the account."""
        return self._account.id

    async def delivered(self, timeout: float = 10.0) -> None:
        """Wait until no event waits for delivery; TimeoutError after `timeout` seconds."""
        if self._deliverer is None:
            raise RuntimeError("the sandbox is not running")
        async with asyncio.timeout(timeout):
            await self._deliverer.delivered()

    async def __aenter__(self) -> Self:
        """Listen."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # A task of its own holds the task group: tests enter and leave in different tasks.
        self._serving = asyncio.create_task(self._serve(ready))
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await self._serving
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; what was not delivered yet stays in the journal."""
        self._stop.set()
        if self._serving is not None:
            await self._serving

    async def wait(self) -> None:
        """Return when the sandbox has ended, with the error if it failed."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def _serve(self, ready: asyncio.Future[None]) -> None:
        async with AsyncExitStack() as stack:
            world = self._open(stack)
            await self._listen(world, stack)
            self._prepare(world)
            self._deliverer = Deliverer(world, self._retry_schedule)
            self._deliverer.watch()
            async with asyncio.TaskGroup() as tasks:
                work = [
                    tasks.create_task(self._deliverer.run()),
                    tasks.create_task(Scheduler(world).run()),
                ]
                ready.set_result(None)
                await self._stop.wait()
                for task in work:
                    task.cancel()

    def _open(self, stack: AsyncExitStack) -> World:
        store = Store(Journal(self._data) if self._data else None)
        stack.callback(store.close)
        store.load()
        return World(store, self._account, self._clock)

    async def _listen(self, world: World, stack: AsyncExitStack) -> None:
        application = app.build(world, self._imports)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, *self._address)
        await site.start()
        host, port = runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        self._account.url = f"http://{shown}:{port}"

    def _prepare(self, world: World) -> None:
        """Seed the catalogs, set the configured endpoints, forget what is too old."""
        context = world.begin()
        catalog.seed(context, self._catalogs, self._imports)
        webhook_endpoints.configure(context, self._webhooks)
        _forget(context)
        _upgrade(context)
        _rebase(context)
        context.tx.commit()


def _forget(context: Context) -> None:
    """Drop idempotency keys after a day and delivered events after thirty."""
    old = context.now - KEPT_SECONDS
    for item in [at["id"] for at in context.tx.newest("idempotency") if at["created"] <= old]:
        context.tx.discard("idempotency", item)
    old = context.now - events.KEPT_SECONDS
    for item in [at["id"] for at in context.tx.newest("event") if events.recorded(at) <= old]:
        context.tx.discard("event", item)
        context.tx.discard("delivery", item)


def _upgrade(context: Context) -> None:
    """Give orders of a journal from before there were trials and coupons what they lack."""
    for order in list(context.tx.newest("order")):
        if "intent" not in order:
            kept = {name: value for name, value in order.items() if name != "payment_intent"}
            fresh = {"intent": order["payment_intent"], "offer": None, "trial_end": None}
            context.tx.save("order", {**kept, **fresh})


def _rebase(context: Context) -> None:
    """Point open sessions, of checkout and of the portal, to the address of this start."""
    for session in list(context.tx.newest(portal_sessions.KIND)):
        url = f"{context.url}/p/session/{session['url'].rpartition('/')[2]}"
        if session["url"] != url:
            context.tx.save(portal_sessions.KIND, {**session, "url": url})
    for session in _open_sessions(context):
        url = f"{context.url}/c/pay/{session['id']}"
        if session["url"] != url:
            context.tx.save(checkout_sessions.KIND, {**session, "url": url})


def _open_sessions(context: Context) -> list[JsonObject]:
    sessions = context.tx.newest(checkout_sessions.KIND)
    return [session for session in sessions if session["status"] == "open"]
