"""Document 003's shop: makes customers and checkout sessions, and pays as a person does."""

from dataclasses import dataclass
from typing import Any

import aiohttp

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"


@dataclass(frozen=True, slots=True)
class Sale:
    """A checkout session, and the customer it was made for."""

    customer: str
    session: str
    url: str


class Shop:
    """Talks plain HTTP to the sandbox Stripe, with the shop's own key."""

    def __init__(self, http: aiohttp.ClientSession, base: str, key: str) -> None:
        self._http = http
        self._base = base
        self._auth = {"Authorization": f"Bearer {key}"}

    async def price_of(self, plan: str) -> str:
        """Return the price id of a plan, found by its lookup key."""
        found = await self._get("/v1/prices", {"lookup_keys[]": plan})
        return str(found["data"][0]["id"])

    async def sell(self, plan: str, email: str) -> Sale:
        """Make a customer and a checkout session for a plan."""
        customer = await self._post("/v1/customers", {"email": email})
        return await self.sell_to(customer["id"], plan)

    async def sell_to(self, customer: str, plan: str) -> Sale:
        """Make a checkout session for a customer that stands already."""
        form = {
            "customer": customer,
            "mode": "subscription",
            "line_items[0][price]": await self.price_of(plan),
            "line_items[0][quantity]": "1",
            "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
        }
        session = await self._post("/v1/checkout/sessions", form)
        return Sale(customer, session["id"], session["url"])

    async def pay(self, sale: Sale, card: str) -> int:
        """Pay a sale on its hosted page; return the HTTP status that a browser would see."""
        return await self.pay_at(sale.url, card)

    async def pay_at(self, url: str, card: str) -> int:
        """Fill in the form of a hosted page; return the HTTP status that a browser would see."""
        form = {
            "number": card,
            "exp_month": "12",
            "exp_year": "2034",
            "cvc": "123",
            "email": "ada@example.com",
        }
        async with self._http.post(url, data=form, allow_redirects=False) as answer:
            await answer.read()
            return answer.status

    async def subscription_of(self, sale: Sale) -> str:
        """Return the subscription that a paid session began."""
        session = await self._get(f"/v1/checkout/sessions/{sale.session}", {})
        return str(session["subscription"])

    async def cancel(self, subscription: str) -> None:
        """End a subscription now."""
        url = f"{self._base}/v1/subscriptions/{subscription}"
        async with self._http.delete(url, headers=self._auth) as answer:
            answer.raise_for_status()

    async def expire(self, session: str) -> None:
        """Shut a payment page."""
        await self._post(f"/v1/checkout/sessions/{session}/expire", {})

    async def completed_event(self, sale: Sale) -> str:
        """Return the event that told of the payment."""
        found = await self._get(
            "/v1/events", {"type": "checkout.session.completed", "limit": "100"}
        )
        for event in found["data"]:
            if event["data"]["object"]["id"] == sale.session:
                return str(event["id"])
        raise LookupError(f"no event tells of {sale.session}")

    async def resend(self, event: str) -> None:
        """Have an event delivered once more."""
        async with self._http.post(
            f"{self._base}/sandbox/events/{event}/resend", headers=self._auth
        ) as answer:
            answer.raise_for_status()

    async def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        async with self._http.get(self._base + path, params=query, headers=self._auth) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    async def _post(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        async with self._http.post(self._base + path, data=form, headers=self._auth) as answer:
            answer.raise_for_status()
            made: dict[str, Any] = await answer.json()
            return made


def is_paid(status: int) -> bool:
    """Tell whether the hosted page took the card."""
    return status in (200, 303)
