"""A cluster that fails as it is told to, in front of another."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import Live, Ref, ref_of
from tests.fakes.provisioner import MemoryCluster

T = TypeVar("T")


@dataclass
class FaultyCluster:
    """A cluster at which something happens at the n-th call (from 0), before it or after it.

    ``struck`` is that call, as verb and kind, once it came to it.
    """

    cluster: MemoryCluster
    call: int
    happens: Callable[[], Awaitable[None]]
    before: bool
    made: int = 0
    struck: tuple[str, str] | None = None

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        return await self._at(
            "get", ref, lambda: self.cluster.get(ref, timeout=timeout, since=since)
        )

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        ref = ref_of(wanted)
        return await self._at("create", ref, lambda: self.cluster.create(wanted, timeout=timeout))

    async def hand_over(
        self, live: Live, managed_fields: Sequence[Json], *, timeout: float
    ) -> Live:
        return await self._at(
            "hand_over",
            live.ref,
            lambda: self.cluster.hand_over(live, managed_fields, timeout=timeout),
        )

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        return await self._at(
            "apply", live.ref, lambda: self.cluster.apply(wanted, live, timeout=timeout)
        )

    async def strip(self, live: Live, annotations: Sequence[str], *, timeout: float) -> Live:
        return await self._at(
            "strip", live.ref, lambda: self.cluster.strip(live, annotations, timeout=timeout)
        )

    async def change(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        return await self._at(
            "change", live.ref, lambda: self.cluster.change(live, patch, timeout=timeout)
        )

    async def change_spec(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        return await self._at(
            "change", live.ref, lambda: self.cluster.change_spec(live, patch, timeout=timeout)
        )

    async def list_in(
        self, api_version: str, kind: str, namespace: str, *, timeout: float
    ) -> Sequence[Live]:
        return await self._at(
            "list",
            Ref(api_version, kind, namespace, ""),
            lambda: self.cluster.list_in(api_version, kind, namespace, timeout=timeout),
        )

    async def list_labelled(
        self, api_version: str, kind: str, label: str, value: str, *, timeout: float
    ) -> Sequence[Live]:
        return await self._at(
            "list",
            Ref(api_version, kind, "", ""),
            lambda: self.cluster.list_labelled(api_version, kind, label, value, timeout=timeout),
        )

    async def delete(self, live: Live, *, timeout: float) -> None:
        return await self._at(
            "delete", live.ref, lambda: self.cluster.delete(live, timeout=timeout)
        )

    async def _at(self, verb: str, ref: Ref, call: Callable[[], Awaitable[T]]) -> T:
        now = self.made == self.call
        self.made += 1
        if now:
            self.struck = (verb, ref.kind)
        if now and self.before:
            await self.happens()
        answer = await call()
        if now and not self.before:
            await self.happens()
        return answer
