"""The cluster behind its port: one request a method, errors as types, nothing retried but reads."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import orjson

from services.chassis.backoff import Backoff
from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject
from services.provisioner.errors import (
    ClusterForbidden,
    ClusterTimeout,
    ClusterUnavailable,
    KindMissing,
    ObjectChanged,
    ObjectGone,
    ObjectInvalid,
)
from services.provisioner.kube.failures import RAISED, to_refusal
from services.provisioner.kube.kinds import KINDS, Kind, Place
from services.provisioner.kube.operations import operations, pins
from services.provisioner.kube.transport import JSON, Transport, cut
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.objects import Live, Ref, ref_of

OURS: Mapping[str, str] = {"labelSelector": f"{naming.LABEL_MANAGED_BY}={naming.SYSTEM}"}
"""Query of lists and watches that selects what is ours."""

_PAGE = 100
_LIST_TIMEOUT = 30.0
_READ_TRIES = 3
_RETRY = Backoff(base=0.05, cap=1.0)


class ApiResource(Protocol):
    """A kind as the API server serves it."""

    def path(self, name: str | None = None, namespace: str | None = None) -> str:
        """Return the path of an object, or of the collection."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects of a kind as they stood at a resourceVersion."""

    objects: list[Live]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch, as it came."""

    type: str
    content: dict[str, Any]


class KubeCluster:
    """The Kubernetes API; what it serves under which path was discovered before.

    ``reload`` is called when the API server does not know us any more: tokens in files are
    replaced while the process runs.
    """

    def __init__(
        self,
        transport: Transport,
        resources: Mapping[Kind, ApiResource],
        writes: OwnWrites,
        clock: Clock,
        reload: Callable[[], Awaitable[bool]],
    ) -> None:
        self._transport = transport
        self._resources = dict(resources)
        self._writes = writes
        self._clock = clock
        self._reload = reload

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds that are served here, of those that are needed."""
        return KINDS

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        """Read an object from the API server; None if it does not stand."""
        # Without a resourceVersion a GET is answered from the newest state, never from a cache.
        query = {"resourceVersion": since} if since else None
        try:
            return _live(await self._read(self._path(ref), timeout, query=query))
        except ObjectGone:
            return None

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        """Create an object by POST."""
        ref = ref_of(wanted)
        path = self._resource(ref).path(namespace=ref.namespace or None)
        answer = await self._call(
            "POST", path, timeout, body=wanted, query={"fieldManager": naming.FIELD_MANAGER}
        )
        return self._wrote(answer)

    async def hand_over(
        self, live: Live, managed_fields: Sequence[Json], *, timeout: float
    ) -> Live:
        """Replace the managed fields of exactly this object."""
        replaced = {"op": "replace", "path": "/metadata/managedFields"}
        return await self._patch_pinned(
            live, [{**replaced, "value": list(managed_fields)}], timeout
        )

    async def _patch_pinned(
        self, live: Live, changes: Sequence[JsonObject], timeout: float
    ) -> Live:
        pinned = [
            {"op": "test", "path": "/metadata/uid", "value": live.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version},
        ]
        return await self._patch_tested(live, [*pinned, *changes], timeout)

    async def _patch_tested(self, live: Live, tested: Sequence[JsonObject], timeout: float) -> Live:
        try:
            answer = await self._call(
                "PATCH",
                self._path(live.ref),
                timeout,
                body=list(tested),
                content_type="application/json-patch+json",
                query={"fieldManager": naming.FIELD_MANAGER},
            )
        except ObjectInvalid as failed:
            # A JSON patch whose test fails is answered 422, not 409.
            raise ObjectChanged(failed.message) from failed
        return self._wrote(answer)

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        """Apply to exactly this object, taking over fields that others hold."""
        answer = await self._call(
            "PATCH",
            self._path(live.ref),
            timeout,
            body=_pinned(wanted, live),
            content_type="application/apply-patch+yaml",
            query={"fieldManager": naming.FIELD_MANAGER, "force": "true"},
        )
        return self._wrote(answer)

    async def delete(self, live: Live, *, timeout: float) -> None:
        """Delete exactly this object; gone already is well."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": live.uid, "resourceVersion": live.resource_version},
        }
        try:
            await self._call("DELETE", self._path(live.ref), timeout, body=options)
        except ObjectGone:
            return

    async def strip(self, live: Live, annotations: Sequence[str], *, timeout: float) -> Live:
        """Take annotations, whoever owns them, from exactly this object; ObjectChanged if they are
        not there."""
        keys = (name.replace("~", "~0").replace("/", "~1") for name in annotations)
        removals = [{"op": "remove", "path": f"/metadata/annotations/{key}"} for key in keys]
        return await self._patch_pinned(live, removals, timeout)

    async def change(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        """Merge a patch into exactly this object; None takes a field away."""
        metadata = patch.get("metadata")
        known = metadata if isinstance(metadata, dict) else {}
        answer = await self._call(
            "PATCH",
            self._path(live.ref),
            timeout,
            # No two writes of a cluster have the same resourceVersion, so it pins the uid too.
            body={**patch, "metadata": {**known, "resourceVersion": live.resource_version}},
            content_type="application/merge-patch+json",
            query={"fieldManager": naming.FIELD_MANAGER},
        )
        return self._wrote(answer)

    async def change_spec(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        """Merge a patch into this object if its spec is still the one that was read."""
        tests, changes = pins(live), operations(patch, live)
        if tests is None or changes is None:
            return await self.change(live, patch, timeout=timeout)
        return await self._patch_tested(live, [*tests, *changes], timeout)

    async def list_in(
        self, api_version: str, kind: str, namespace: str, *, timeout: float
    ) -> Sequence[Live]:
        """Read all objects of a kind in a namespace."""
        served = Kind(api_version, kind)
        return await self._pages(
            served, self._served(served).path(namespace=namespace), {}, timeout
        )

    async def list_labelled(
        self, api_version: str, kind: str, label: str, value: str, *, timeout: float
    ) -> Sequence[Live]:
        """Read all objects of a kind that carry a label, in all namespaces."""
        served = Kind(api_version, kind)
        selected = {"labelSelector": f"{label}={value}"}
        return await self._pages(served, self._served(served).path(), selected, timeout)

    async def _pages(
        self, kind: Kind, path: str, selected: Mapping[str, str], timeout: float
    ) -> list[Live]:
        # Without a resourceVersion a list is answered from the newest state, as a GET is.
        deadline = self._clock.monotonic() + timeout
        found: list[Live] = []
        token = ""
        while True:
            query = {**selected, "limit": str(_PAGE), **({"continue": token} if token else {})}
            answer = await self._read(path, deadline - self._clock.monotonic(), query=query)
            found += [_listed(kind, item) for item in answer.get("items") or ()]
            token = answer["metadata"].get("continue") or ""
            if not token:
                return found

    async def discover(self, kind: Kind) -> bool:
        """Look whether the API server serves a kind that it need not; note where."""
        try:
            found = await self._read(f"/apis/{kind.api_version}", _LIST_TIMEOUT)
        except ObjectGone:
            found = {}
        for item in found.get("resources") or ():
            if item["kind"] == kind.kind and "/" not in item["name"]:
                self._resources[kind] = Place(kind, item["name"], item["namespaced"])
                return True
        self._resources.pop(kind, None)
        return False

    def note_place(self, kind: Kind, place: ApiResource) -> None:
        """Note where a kind is looked at that is none of those that are discovered."""
        self._resources[kind] = place

    async def list_kind(self, kind: Kind, selected: Mapping[str, str] = OURS) -> Listed:
        """List the objects of a kind that are selected, all pages, without who owns which field.

        That is half of an object: at a start, with thousands of them, it would be half the peak.
        """
        path, found, token = self._served(kind).path(), [], ""
        while True:
            query = {**selected, "limit": str(_PAGE)}
            answer = await self._read(
                path, _LIST_TIMEOUT, query={**query, "continue": token} if token else query
            )
            found += [_listed(kind, item) for item in answer.get("items") or ()]
            token = answer["metadata"].get("continue") or ""
            if not token:
                return Listed(found, answer["metadata"]["resourceVersion"])

    async def read_within(self, path: str, most_bytes: int, timeout: float) -> bytes | None:
        """Read a document as it comes; None if nothing is served there.

        ClusterUnavailable if it is longer than that many bytes.
        """
        limit = aiohttp.ClientTimeout(total=timeout)
        read = bytearray()
        try:
            response = await self._transport.send("GET", path, limit)
            try:
                async for chunk in response.content.iter_any():
                    read += chunk
                    if len(read) > most_bytes:
                        raise ClusterUnavailable(f"{path} answers more than {most_bytes} bytes.")
            finally:
                cut(response)
        except RAISED as error:
            refusal = await self._understood(error)
            if isinstance(refusal, ObjectGone):
                return None
            raise refusal from error
        return bytes(read)

    async def watch_kind(
        self,
        kind: Kind,
        resource_version: str,
        seconds: int,
        selected: Mapping[str, str] = OURS,
    ) -> AsyncGenerator[Event, None]:
        """Yield what happens to selected objects of a kind; ends after so many seconds."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=seconds + 15)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            **selected,
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        try:
            path = self._served(kind).path()
            response = await self._transport.send("GET", path, timeout, query=query)
            try:
                async for line in response.content:
                    event = orjson.loads(line)
                    yield Event(event["type"], event["object"])
            finally:
                cut(response)
        except RAISED as error:
            raise await self._understood(error) from error

    async def _read(
        self, path: str, timeout: float, *, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        deadline = self._clock.monotonic() + timeout
        for attempt in range(1, _READ_TRIES):
            left = deadline - self._clock.monotonic()
            try:
                return await self._call("GET", path, left, query=query)
            except (ClusterUnavailable, ClusterTimeout) as failed:
                pause = failed.retry_after or _RETRY.delay(attempt)
                if self._clock.monotonic() + pause >= deadline:
                    raise
                await self._clock.sleep(pause)
        return await self._call("GET", path, deadline - self._clock.monotonic(), query=query)

    async def _call(
        self,
        method: str,
        path: str,
        timeout: float,
        *,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        limit = aiohttp.ClientTimeout(total=max(timeout, 0.001))
        try:
            response = await self._transport.send(
                method, path, limit, body=body, content_type=content_type, query=query
            )
            content: dict[str, Any] = orjson.loads(await response.read())
        except RAISED as error:
            raise await self._understood(error) from error
        return content

    async def _understood(self, error: BaseException) -> Refusal:
        refusal = to_refusal(error)
        unknown = isinstance(refusal, ClusterForbidden) and getattr(error, "status", 0) == 401
        if unknown and await self._reload():
            return ClusterUnavailable("The credentials were replaced; they are read anew.")
        return refusal

    def _wrote(self, answer: dict[str, Any]) -> Live:
        live = _live(answer)
        self._writes.note(live.resource_version)
        return live

    def _path(self, ref: Ref) -> str:
        return self._resource(ref).path(name=ref.name, namespace=ref.namespace or None)

    def _resource(self, ref: Ref) -> ApiResource:
        return self._served(Kind(ref.api_version, ref.kind))

    def _served(self, kind: Kind) -> ApiResource:
        found = self._resources.get(kind)
        if found is None:
            raise KindMissing(f"The cluster does not serve {kind.kind} of {kind.api_version}.")
        return found


def _listed(kind: Kind, item: dict[str, Any]) -> Live:
    item["metadata"].pop("managedFields", None)
    # Items of a list say neither their kind nor its version.
    return _live({**item, "apiVersion": kind.api_version, "kind": kind.kind})


def _live(content: dict[str, Any]) -> Live:
    return Live(ref_of(content), content)


def _pinned(wanted: JsonObject, live: Live) -> JsonObject:
    """Return what is applied to exactly what was read.

    The resourceVersion alone would not do: on an object that is gone, the API server ignores it and
    makes the object again. With the uid it refuses.
    """
    metadata = wanted["metadata"]
    known = metadata if isinstance(metadata, dict) else {}
    pins = {"uid": live.uid, "resourceVersion": live.resource_version}
    return {**wanted, "metadata": {**known, **pins}}
