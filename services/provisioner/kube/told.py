"""Which of our writes the API server itself has told of, by its watch.

Why that is reading back: an event of a watch is not an echo of the request. The API server sends it
once the object is stored, out of the store's own history, after everything that may change an
object on its way there (defaults, webhooks, conversion); a GET that may be answered from any time
since a write is answered from the same place. What is believed is the content of the newest event,
never what was sent, and only of an object of which the version that our write made has come by: so
it is as new as that write, or newer.

A resourceVersion is a name here, not a number: versions are compared for being the same. One that
never comes by (a list in between, a watch that is late or broken) is simply not told of.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

_KEPT = 20_000


@dataclass(slots=True)
class _Waiter:
    """Somebody who waits for versions that have not come by yet."""

    missing: set[str]
    all_came: asyncio.Future[None]


class Told:
    """Remembers the resourceVersions that came by last; they are unique in a cluster."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._versions: dict[str, None] = {}
        self._waiting: dict[str, list[_Waiter]] = {}

    def note(self, resource_version: str) -> None:
        """Remember that this version of some object came by."""
        self._versions[resource_version] = None
        if len(self._versions) > self._kept:
            del self._versions[next(iter(self._versions))]
        for waiter in self._waiting.pop(resource_version, ()):
            waiter.missing.discard(resource_version)
            if not waiter.missing and not waiter.all_came.done():
                waiter.all_came.set_result(None)

    def of(self, resource_version: str) -> bool:
        """Tell whether this version came by, and lately."""
        return resource_version in self._versions

    async def wait(self, resource_versions: Collection[str], seconds: float) -> None:
        """Wait until all of these versions came by, for at most so many seconds."""
        missing = {one for one in resource_versions if one not in self._versions}
        if not missing:
            return
        waiter = _Waiter(missing, asyncio.get_running_loop().create_future())
        for one in missing:
            self._waiting.setdefault(one, []).append(waiter)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiter.all_came
        finally:
            for one in waiter.missing:
                self._leave(one, waiter)

    def _leave(self, resource_version: str, waiter: _Waiter) -> None:
        others = [one for one in self._waiting.get(resource_version, ()) if one is not waiter]
        if others:
            self._waiting[resource_version] = others
        else:
            self._waiting.pop(resource_version, None)
