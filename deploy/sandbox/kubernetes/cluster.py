"""A running sandbox cluster: the one place where its parts are put together."""

import asyncio
import ssl
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from deploy.sandbox.kubernetes.access.bootstrap import bootstrap_objects
from deploy.sandbox.kubernetes.access.rbac import Rbac
from deploy.sandbox.kubernetes.admission.chain import Admission
from deploy.sandbox.kubernetes.admission.quota import QuotaLedger
from deploy.sandbox.kubernetes.config import ClusterOptions
from deploy.sandbox.kubernetes.controllers.all import all_controllers
from deploy.sandbox.kubernetes.controllers.base import Loop
from deploy.sandbox.kubernetes.controllers.definitions import serve_definitions
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.objects import name_of
from deploy.sandbox.kubernetes.resources.builtin import BUILTIN_TYPES
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.server.app import App
from deploy.sandbox.kubernetes.server.faults import Faults
from deploy.sandbox.kubernetes.server.watching import Watches
from deploy.sandbox.kubernetes.storage.journal import FileJournal
from deploy.sandbox.kubernetes.storage.store import Store
from deploy.sandbox.kubernetes.verbs.inside import Inside
from deploy.sandbox.kubernetes.verbs.requests import Machinery

_SHUTDOWN_SECONDS = 1.0


class SandboxCluster:
    """An API server with its controllers, for as long as the context lasts.

    `async with SandboxCluster(options) as cluster:` gives `cluster.url`, `cluster.port`, and with
    `options.faults` a `cluster.faults`.
    """

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self.port = 0
        self.faults: Faults | None = None
        self._stop = asyncio.Event()
        self._main: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the cluster listens."""
        scheme = "https" if self.options.tls_cert else "http"
        return f"{scheme}://{self.options.host}:{self.port}"

    async def __aenter__(self) -> Self:
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._main = asyncio.create_task(self._run(listening))
        waited: set[asyncio.Future[Any]] = {self._main, listening}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            listening.cancel()
            await self._main
        self.port = listening.result()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._main is not None:
            await self._main

    async def wait(self) -> None:
        """Wait until the cluster ends, and raise what ended it."""
        if self._main is not None:
            await asyncio.shield(self._main)

    def stop(self) -> None:
        """Begin to end; the context waits for the rest."""
        self._stop.set()

    async def _run(self, listening: "asyncio.Future[int]") -> None:
        journal = FileJournal(self.options.data) if self.options.data else None
        try:
            await self._serve(journal, listening)
        finally:
            if journal is not None:
                journal.close()

    async def _serve(self, journal: FileJournal | None, listening: "asyncio.Future[int]") -> None:
        store = Store(self.options.history, journal)
        if journal is not None:
            journal.replay(store)
        machinery = _machinery(store)
        inside = Inside(machinery)
        _bootstrap(inside)
        watches = Watches(store, self.options.bookmark_seconds)
        self.faults = Faults(watches) if self.options.faults else None
        app = App(machinery, self.options.tokens, watches, self.faults)
        root = self.options.tls_cert.read_text() if self.options.tls_cert else ""
        loops = [Loop(item, store) for item in all_controllers(machinery, self.options.pods, root)]
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(loop.run()) for loop in loops]
            if journal is not None:
                background.append(tasks.create_task(journal.sync_forever()))
            runner = await self._listen(app)
            listening.set_result(runner.addresses[0][1])
            await self._stop.wait()
            watches.drop()
            await runner.cleanup()
            for task in background:
                task.cancel()

    async def _listen(self, app: App) -> web.ServerRunner:
        # Cancelling is how an idle watch learns that its reader has left; writes never await.
        server = web.Server(app.handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        site = web.TCPSite(
            runner, self.options.host, self.options.port, ssl_context=_tls(self.options)
        )
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        return runner


def _tls(options: ClusterOptions) -> ssl.SSLContext | None:
    if options.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    return context


def _machinery(store: Store) -> Machinery:
    """The parts that follow the store, in the order in which they must hear of a change."""
    registry = Registry(BUILTIN_TYPES)
    serve_definitions(store, registry)
    rbac = Rbac(store)
    quota = QuotaLedger(store)
    return Machinery(store, registry, Admission(store, rbac, quota), quota, rbac, Clock())


def _bootstrap(inside: Inside) -> None:
    for resource, obj in bootstrap_objects():
        if inside.get(resource, "", name_of(obj)) is None:
            inside.create(resource, obj)
