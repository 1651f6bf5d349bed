"""Document 001's console: what a person of an organization does, over REST with a bearer token."""

from dataclasses import dataclass
from typing import Any

import aiohttp

_BASE = "/api/billing"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body, as document 001 has them."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """What was asked for; empty in a refusal."""
        found: dict[str, Any] = self.body.get("data") or {}
        return found

    @property
    def error(self) -> str:
        """The refusal's sentence, empty if there is none."""
        return str(self.body.get("error") or "")


class Console:
    """Asks as one person."""

    def __init__(self, http: aiohttp.ClientSession, gateway: str, token: str) -> None:
        self._http = http
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {token}"}

    async def subscription(self) -> Answer:
        """Return the organization's subscription, with its limits and what is used."""
        return await self._call("GET", "/organization-subscription")

    async def subscribe(self, plan: str, *addons: str) -> Answer:
        """Begin the purchase of a plan with one of each add-on."""
        wanted = [{"addonId": addon, "quantity": 1} for addon in addons]
        body = {"planId": plan, "addons": wanted}
        return await self._call("POST", "/organization-subscription", body)

    async def change(self, plan: str) -> Answer:
        """Change the plan."""
        return await self._call("PUT", "/organization-subscription", {"planId": plan})

    async def cancel(self) -> Answer:
        """End the subscription when its period does."""
        return await self._call("DELETE", "/organization-subscription")

    async def verify(self, session: str) -> Answer:
        """Ask what became of a payment page."""
        return await self._call("POST", "/verify-checkout", {"sessionId": session})

    async def portal(self) -> Answer:
        """Open the provider's portal."""
        return await self._call("POST", "/customer-portal")

    async def _call(self, method: str, path: str, body: object = None) -> Answer:
        async with self._http.request(
            method, f"{self._gateway}{_BASE}{path}", json=body, headers=self._headers
        ) as answer:
            return Answer(answer.status, await answer.json())
