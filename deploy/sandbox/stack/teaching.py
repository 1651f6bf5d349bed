"""Tells the sandbox Stripe what the ConfigMap with plans sells, as a shop's own hand would.

A person who sells a new price makes it in Stripe first. Here nobody has to: a price id that an
edit of the ConfigMap names is made there a quarter of a second after the edit, or a little later.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError

_PAUSE = 0.25
_PATIENCE = aiohttp.ClientTimeout(total=5.0)
KEY = "plans.yaml"


class PriceTeacher:
    """Follows one ConfigMap, and tells of each of its states once."""

    def __init__(
        self, api: KubeApi, plans: str, stripe: str, told: Callable[[str], None] = lambda _: None
    ) -> None:
        """``plans`` is its ``namespace/name``, ``stripe`` the sandbox's address.

        ``told`` hears what the sandbox cannot learn, and why.
        """
        self._api = api
        self._plans = plans
        self._url = f"{stripe}/sandbox/catalog"
        self._told = told
        self._taught = ""
        self._said = ""

    async def run(self) -> None:
        """Follow it until cancelled; a cluster or a sandbox that is away is waited for."""
        async with aiohttp.ClientSession(timeout=_PATIENCE) as http:
            while True:
                try:
                    await self.look(http)
                except (KubeApiError, aiohttp.ClientError, TimeoutError) as away:
                    if not isinstance(away, KubeApiError) or away.status != 404:
                        self._say(f"prices are not learnt yet: {away}")
                await asyncio.sleep(_PAUSE)

    async def look(self, http: aiohttp.ClientSession) -> None:
        """Tell of the ConfigMap if it is another than was told of; KubeApiError, ClientError."""
        namespace, _, name = self._plans.partition("/")
        found = await self._api.call("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        version, text = found["metadata"]["resourceVersion"], _text(found)
        if version == self._taught or text is None:
            return
        async with http.post(self._url, json={"name": self._plans, "text": text}) as answer:
            if answer.status != 200:
                # What is wrong with it is wrong for pricing as well, and not sold there either.
                self._say(f"prices of {self._plans}: {(await answer.json())['error']}")
        self._taught = version

    def _say(self, text: str) -> None:
        if text != self._said:
            self._told(text)
        self._said = text


@asynccontextmanager
async def teaching(teacher: PriceTeacher) -> AsyncIterator[None]:
    """Have the sandbox taught for the time of the block."""
    task = asyncio.ensure_future(teacher.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _text(found: dict[str, Any]) -> str | None:
    return (found.get("data") or {}).get(KEY)
