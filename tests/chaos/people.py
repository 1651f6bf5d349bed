"""Who buys: customers of a foreign shop, and organizations of Kube-DC. Each plays its purchase."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio

from deploy.sandbox.demo.shop import DECLINED_CARD, GOOD_CARD
from deploy.sandbox.demo.tollgate import Tollgate
from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError
from tests.chaos.asking import Asker, Refused
from tests.chaos.plan import Outcome, Purchase
from tollgate.provisioner.v1 import provisioner_pb2

_PATIENCE = 240.0
_PAUSE = 0.25
_IN_A_MOMENT = (0, 429, 500, 503)
_PAID, _DECLINED, _PAID_ALREADY = 303, 402, 409
_PROJECT = "kube-dc.com/project"
_DELETED = provisioner_pb2.TENANT_PHASE_DELETED


@dataclass(slots=True)
class Deed:
    """What was done for a purchase so far, as its customer knows it."""

    purchase: Purchase
    customer: str = ""
    sessions: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    problem: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all people share. ``shop`` and ``visitor`` ask the provider: as a shop, as a browser."""

    make_shop: Callable[[str], Asker]
    visitor: Asker
    console: Callable[[str], Awaitable[Asker]]
    prices: dict[str, str]
    tollgate: Tollgate
    provider_account: str
    kubeconfig: Path
    now: Callable[[], float]


class Person(ABC):
    """Plays one purchase; `deed` tells what came of it."""

    def __init__(self, purchase: Purchase, around: Surroundings) -> None:
        self.deed = Deed(purchase)
        self.purchase = purchase
        self.around = around
        self._shop = around.make_shop(purchase.name)

    async def play(self) -> None:
        """Do everything in its order; a refusal is kept for the judge."""
        try:
            await self._play()
        except (Refused, KubeApiError, TimeoutError) as problem:
            self.deed.problem = f"{type(problem).__name__}: {problem}"
            self.note(f"gave up: {self.deed.problem}")
        self.deed.done = True

    @abstractmethod
    async def _play(self) -> None:
        """Do everything in its order."""

    def note(self, what: str) -> None:
        """Remember a step."""
        self.deed.steps.append(f"{self.around.now():7.2f} s  {what}")

    async def pay(self, url: str, session: str) -> None:
        """Pay at a hosted page as the outcome says; a card that is declined comes first."""
        outcome = self.purchase.outcome
        await asyncio.sleep(self.purchase.pays)
        if outcome in (Outcome.DECLINED, Outcome.DECLINED_FIRST):
            await self._card(url, DECLINED_CARD, (_DECLINED,))
            self.note("the card was declined")
        if outcome in (Outcome.DECLINED, Outcome.ABANDONED):
            return
        await self._card(url, GOOD_CARD, (_PAID, _PAID_ALREADY))
        found = await self._shop.ask("GET", f"/v1/checkout/sessions/{session}")
        self.deed.customer = str(found.body["customer"])
        self.deed.subscriptions.append(str(found.body["subscription"]))
        self.note(f"paid {session}, which began {self.deed.subscriptions[-1]}")

    async def _card(self, url: str, number: str, fine: tuple[int, ...]) -> None:
        name = self.purchase.name
        form = {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"}
        await self.around.visitor.ask(
            "POST", url, form=form | {"email": f"{name}@example.com"}, fine=fine
        )

    async def until(self, what: str, question: Callable[[], Awaitable[bool]]) -> None:
        """Ask until it is so; a stack that is away is asked again."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while not await _tolerant(question):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise TimeoutError(f"waited {_PATIENCE:g} s for {what}") from None


class ShopCustomer(Person):
    """Buys at a shop that makes its own customers and checkout sessions."""

    async def _play(self) -> None:
        name = self.purchase.name
        form = {"email": f"{name}@example.com"}
        if self.purchase.number % 2:
            form["metadata[user_id]"] = name
        made = await self._shop.ask("POST", "/v1/customers", form=form)
        self.deed.customer = str(made.body["id"])
        self.note(f"is customer {self.deed.customer}")
        await self._buy()
        await self._afterwards()

    async def _buy(self) -> None:
        form = {
            "customer": self.deed.customer,
            "mode": "subscription",
            "line_items[0][price]": self.around.prices[_price_key(self.purchase)],
            "line_items[0][quantity]": "1",
            "success_url": "https://shop.example/thanks",
        }
        made = await self._shop.ask("POST", "/v1/checkout/sessions", form=form)
        session = str(made.body["id"])
        self.deed.sessions.append(session)
        if self.purchase.outcome is Outcome.EXPIRED:
            # A try whose answer was lost has shut it: 400 then.
            await self._shop.ask(
                "POST", f"/v1/checkout/sessions/{session}/expire", form={}, fine=(200, 400)
            )
            self.note(f"shut {session}")
            return
        await self.pay(str(made.body["url"]), session)

    async def _afterwards(self) -> None:
        match self.purchase.outcome:
            case Outcome.TWICE:
                await asyncio.sleep(self.purchase.acts)
                await self._buy()
            case Outcome.CANCELED:
                await asyncio.sleep(self.purchase.acts)
                await self._cancel()
            case Outcome.ENDED:
                await self._cancel()
            case Outcome.RETURNED:
                await self._cancel()
                await self.until("the end to be known", self._is_over)
                await asyncio.sleep(self.purchase.acts)
                await self._buy()
            case _:
                return

    async def _cancel(self) -> None:
        subscription = self.deed.subscriptions[-1]
        # A try whose answer was lost has ended it: 404 then.
        await self._shop.ask(
            "DELETE", f"/v1/subscriptions/{subscription}", form={}, fine=(200, 404)
        )
        self.note(f"canceled {subscription}")

    async def _is_over(self) -> bool:
        tollgate = self.around.tollgate
        account = await tollgate.account_of(self.around.provider_account, self.deed.customer)
        tenants = [] if account is None else await tollgate.tenants(account)
        return bool(tenants) and all(tenant.phase == _DELETED for tenant in tenants)


class Organization(Person):
    """Buys a pool over REST as its org-admin, for itself and one project."""

    async def _play(self) -> None:
        await self._found()
        console = await self.around.console(self.purchase.name)
        wanted = [{"addonId": addon, "quantity": 1} for addon in self.purchase.addons]
        body = {"planId": _short(self.purchase.plan), "addons": wanted}
        page = await console.ask("POST", "/organization-subscription", body=body)
        data: dict[str, Any] = page.body["data"]
        self.deed.sessions.append(str(data["sessionId"]))
        self.note(f"was given the page {data['sessionId']}")
        await self.pay(str(data["url"]), str(data["sessionId"]))
        await self._afterwards(console)

    async def _afterwards(self, console: Asker) -> None:
        if self.purchase.outcome not in (Outcome.CANCELED, Outcome.CHANGED):
            return

        async def in_force() -> bool:
            held = await console.ask("GET", "/organization-subscription")
            return bool((held.body.get("data") or {}).get("status") == "active")

        await self.until("the subscription to be in force", in_force)
        await asyncio.sleep(self.purchase.acts)
        if self.purchase.outcome is Outcome.CHANGED:
            body = {"planId": _short(self.purchase.later)}
            await console.ask("PUT", "/organization-subscription", body=body)
            self.note(f"changed to {self.purchase.later}")
            return
        # One whose answer was lost finds nothing to cancel any more.
        await console.ask("DELETE", "/organization-subscription?now=true", fine=(200, 404))
        self.note("canceled")

    async def _found(self) -> None:
        """Make what Kube-DC makes: the organization, its namespace and its project's."""
        name = self.purchase.name
        organization = {
            "apiVersion": "kube-dc.com/v1",
            "kind": "Organization",
            "metadata": {"name": name, "namespace": name},
            "spec": {"email": f"billing@{name}.example", "description": "A run's"},
        }
        own = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        project: dict[str, Any] = {"name": f"{name}-web", "labels": {_PROJECT: ""}}
        project["annotations"] = {_PROJECT: f"{name}/web"}
        async with KubeApi(self.around.kubeconfig) as api:
            for path, body in (
                ("/api/v1/namespaces", own),
                (f"/apis/kube-dc.com/v1/namespaces/{name}/organizations", organization),
                ("/api/v1/namespaces", {**own, "metadata": project}),
            ):
                await self.until(f"a POST to {path}", partial(_made, api, path, body))
        self.note("founded the organization")


def person_for(purchase: Purchase, around: Surroundings) -> Person:
    """Return who plays a purchase."""
    return (Organization if purchase.channel == "gateway" else ShopCustomer)(purchase, around)


async def _made(api: KubeApi, path: str, body: dict[str, Any]) -> bool:
    try:
        await api.call("POST", path, body)
    except KubeApiError as error:
        if error.status == 409:
            return True
        if error.status not in _IN_A_MOMENT:
            raise
        return False
    return True


async def _tolerant(question: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await question()
    except grpc.aio.AioRpcError:
        return False


def _short(plan: str) -> str:
    return plan.rpartition("/")[2]


def _price_key(purchase: Purchase) -> str:
    return f"{purchase.plan}/year" if purchase.yearly else purchase.plan
