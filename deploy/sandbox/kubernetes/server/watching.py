"""Watches: the present state where it is asked for, then every change, as a stream of lines."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from aiohttp import web

from deploy.sandbox.kubernetes.core.causes import forbidden
from deploy.sandbox.kubernetes.core.errors import (
    ApiError,
    expired,
    invalid_options,
    too_large_resource_version,
)
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.core.selectors import Filter
from deploy.sandbox.kubernetes.server.responses import versioned_bytes
from deploy.sandbox.kubernetes.storage.records import Event, Stored
from deploy.sandbox.kubernetes.storage.store import Store
from deploy.sandbox.kubernetes.verbs.listing import parse_revision
from deploy.sandbox.kubernetes.verbs.requests import Target

# A reader that falls this far behind is dropped, and comes back with its last resourceVersion.
_MAX_BACKLOG = 20_000
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class WatchQuery:
    """What a watch asks for."""

    wanted: Filter
    resource_version: str = ""
    match: str = ""
    bookmarks: bool = False
    timeout_seconds: float = 1800.0
    initial_events: bool | None = None


class Subscription:
    """The changes of one type that one reader has not been sent yet."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self.closed = False

    def push(self, event: Event) -> None:
        """Take a change in; called by the store."""
        self._events.append(event)
        if len(self._events) > _MAX_BACKLOG:
            self.closed = True
        self._wake.set()

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self._wake.set()

    async def wait(self, timeout: float) -> None:
        """Wait for something to happen, at most that many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        self._wake.clear()

    def take(self) -> list[Event]:
        """Everything that has gathered."""
        taken = list(self._events)
        self._events.clear()
        return taken


class Watches:
    """All running watches of a server."""

    def __init__(self, store: Store, bookmark_seconds: float) -> None:
        self._store = store
        self._bookmark_seconds = bookmark_seconds
        self._open: dict[Subscription, str] = {}

    def drop(self, resource: str = "") -> int:
        """End the watches of a type, or all of them; returns how many."""
        ended = [sub for sub, watched in self._open.items() if resource in ("", watched)]
        for subscription in ended:
            subscription.close()
        return len(ended)

    async def serve(
        self, request: web.BaseRequest, target: Target, query: WatchQuery
    ) -> web.StreamResponse:
        """Stream until the time is over, the reader leaves or the watch is dropped."""
        check_watch_query(query)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        stream = _Stream(target, query)
        collection = self._store.collection(target.resource)
        subscription = Subscription()
        # No await between reading the state and subscribing: nothing falls in between.
        first = self._first(stream)
        self._open[subscription] = target.resource
        collection.watchers.add(subscription.push)
        try:
            await response.prepare(request)
            if first:
                await response.write(first)
            await self._follow(response, stream, subscription)
            await response.write_eof()
        except ConnectionError:
            # The reader left; there is nobody to tell.
            return response
        finally:
            collection.watchers.discard(subscription.push)
            del self._open[subscription]
        return response

    async def _follow(
        self, response: web.StreamResponse, stream: "_Stream", subscription: Subscription
    ) -> None:
        now = asyncio.get_running_loop().time
        end = now() + stream.query.timeout_seconds
        mark = now() + self._bookmark_seconds
        while not subscription.closed and not stream.ended:
            await subscription.wait(max(0.0, min(end, mark) - now()))
            lines = b"".join(map(stream.line, subscription.take()))
            over = now() >= end
            if over or now() >= mark:
                mark = now() + self._bookmark_seconds
                lines += stream.bookmark(self._store.revision) if stream.query.bookmarks else b""
            if lines:
                await response.write(lines)
            if over:
                return

    def _first(self, stream: "_Stream") -> bytes:
        """What the reader is sent before changes: the state, missed changes, or an error."""
        try:
            return b"".join(self._first_lines(stream))
        except ApiError as error:
            stream.ended = True
            return _line("ERROR", orjson.dumps(error.status()))

    def _first_lines(self, stream: "_Stream") -> Iterator[bytes]:
        query, target = stream.query, stream.target
        collection = self._store.collection(target.resource)
        from_now = query.resource_version in ("", "0")
        revision = 0 if from_now else parse_revision(query.resource_version)
        if revision > self._store.revision:
            raise too_large_resource_version(revision, self._store.revision)
        if from_now or query.initial_events:
            if query.initial_events is not False:
                for stored in collection.select(target.namespace, query.wanted):
                    yield stream.added(stored)
            if query.initial_events and query.bookmarks:
                yield stream.bookmark(self._store.revision, {_INITIAL_END: "true"})
            return
        if revision < collection.floor:
            raise expired(f"too old resource version: {revision} ({collection.floor})")
        for event in collection.since(revision):
            yield stream.line(event)


def check_watch_query(query: WatchQuery) -> None:
    """Refuse contradictory parameters before the stream starts."""
    if query.initial_events is None and query.match:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid_options("ListOptions", [forbidden("resourceVersionMatch", why)])
    if query.initial_events is not None and query.match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid_options("ListOptions", [forbidden("resourceVersionMatch", why)])


class _Stream:
    """Turns changes into the lines that one watch sends."""

    def __init__(self, target: Target, query: WatchQuery) -> None:
        self.target = target
        self.query = query
        self.ended = False

    def added(self, stored: Stored) -> bytes:
        return _line("ADDED", versioned_bytes(self.target, stored))

    def line(self, event: Event) -> bytes:
        """A change as this reader sees it: entering and leaving the selection counts."""
        if self.target.namespace not in ("", event.key.namespace):
            return b""
        wanted = self.query.wanted
        before = event.before is not None and wanted.accepts(event.before.obj)
        now = event.type != "DELETED" and wanted.accepts(event.now.obj)
        if now:
            kind = "MODIFIED" if before else "ADDED"
            return _line(kind, versioned_bytes(self.target, event.now))
        if not before or event.before is None:
            return b""
        if event.type == "DELETED":
            return _line("DELETED", versioned_bytes(self.target, event.now))
        return _line("DELETED", self._last_seen(event.before, event.now.revision))

    def _last_seen(self, stored: Stored, revision: int) -> bytes:
        """The state that still matched, under the revision at which it stopped matching."""
        metadata = {**stored.obj["metadata"], "resourceVersion": str(revision)}
        obj = {**stored.obj, "apiVersion": self.target.api_version, "metadata": metadata}
        return orjson.dumps(obj)

    def bookmark(self, revision: int, annotations: Obj | None = None) -> bytes:
        """A line that only moves the reader's resourceVersion on."""
        metadata: Obj = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        obj = {
            "kind": self.target.type.kind,
            "apiVersion": self.target.api_version,
            "metadata": metadata,
        }
        return _line("BOOKMARK", orjson.dumps(obj))


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"
