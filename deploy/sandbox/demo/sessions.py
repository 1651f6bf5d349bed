"""Document 003's story: a payment makes a fenced namespace, exactly once, whatever is killed."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from deploy.sandbox.demo.cluster import EXPECTED, Cluster
from deploy.sandbox.demo.screen import Screen
from deploy.sandbox.demo.shop import DECLINED_CARD, GOOD_CARD, Sale, Shop, is_paid
from deploy.sandbox.demo.tollgate import Tenant, Tollgate, seconds_between, until
from deploy.sandbox.stack.stack import Stack
from deploy.sandbox.supervisor.spec import State
from tollgate.provisioner.v1 import provisioner_pb2

PLAN = "sessions/professional"
_PATIENCE = 30.0


@dataclass(slots=True)
class Story:
    """Who plays, and what is remembered for the summary."""

    stack: Stack
    screen: Screen
    shop: Shop
    tollgate: Tollgate
    cluster: Cluster
    provider_account: str
    ready_seconds: float = 0.0

    async def play(self) -> None:
        """Play the chapters in order."""
        with self.screen.chapter("A payment makes a namespace"):
            sale = await self.first_sale()
        with self.screen.chapter("Killed on the way, and still exactly once"):
            other = await self.killed_on_the_way()
        with self.screen.chapter("Told four times, made once; paid twice, given back"):
            await self.told_again(sale)
        with self.screen.chapter("A declined card makes nothing"):
            await self.declined()
        with self.screen.chapter("The money stops, the capacity goes"):
            await self.canceled(other)

    async def first_sale(self) -> Sale:
        """Buy a plan, and watch its namespace come to stand."""
        sale = await self.shop.sell(PLAN, "ada@example.com")
        self.screen.step(f"the shop made customer {sale.customer} and session {sale.session}")
        async with asyncio.TaskGroup() as group:
            paying = group.create_task(self.shop.pay(sale, GOOD_CARD))
            tenant = await self._watch(sale)
        status = paying.result()
        self.screen.check(is_paid(status), f"paid $49.00 with 4242… on the hosted page ({status})")
        self.ready_seconds = seconds_between(tenant, tenant.ready_time)
        await self._stands(tenant)
        if self.stack.endpoints["kubernetes"]["kind"] == "sandbox":
            # A cluster elsewhere takes the time that it takes.
            self.screen.check(self.ready_seconds < 1, "it stood within a second of the webhook")
        return sale

    async def _watch(self, sale: Sale) -> Tenant:
        """Tell each hop as it is seen from outside, with the time since the webhook came in."""

        async def event() -> datetime | None:
            return await self.tollgate.event_of(sale.session)

        received: datetime = await until(event, _PATIENCE, "the webhook", every=0.002)

        def seen(what: str) -> None:
            since = datetime.now(UTC) - received
            self.screen.step(what, since_webhook=since.total_seconds())

        seen("payments stored the signed event")
        account = await self._account(sale)
        seen(f"subscription made {account} and ordered its capacity")
        (namespace,) = await self._until_seen(lambda: self.cluster.namespaces(account))
        name = namespace["metadata"]["name"]
        seen(f"namespace {name} stands")
        await self._until_kind(name, "NetworkPolicy")
        seen("its quota, limits and network policies stand: it is fenced")
        await self._until_kind(name, "RoleBinding")
        seen("its isolation was read back, its owner may enter")
        tenant = await self._tenant(account, provisioner_pb2.TENANT_PHASE_READY)
        seen("the provisioner reports Ready")
        return tenant

    async def _until_kind(self, namespace: str, kind: str) -> None:
        await self._until_seen(lambda: self.cluster.of_kind(namespace, kind))

    async def _until_seen(
        self, look: Callable[[], Awaitable[list[dict[str, Any]]]]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await until(look, _PATIENCE, "the cluster", every=0.002)
        return found

    async def killed_on_the_way(self) -> Sale:
        """Buy while the provisioner is being killed."""
        sale = await self.shop.sell(PLAN, "grace@example.com")
        pid = self.stack.supervisor.pids()["provisioner"]
        status = await self.shop.pay(sale, GOOD_CARD)
        os.kill(pid, signal.SIGKILL)
        self.screen.step(f"paid ({status}) and the provisioner killed (SIGKILL {pid})")
        tenant = await self._ready(sale)
        self.screen.step(
            f"{tenant.namespace} is ready all the same",
            since_webhook=seconds_between(tenant, tenant.ready_time),
        )
        await self._stands(tenant)
        ready = self.stack.supervisor.states()["provisioner"] is State.READY
        self.screen.check(ready, "the provisioner came back by itself")
        return sale

    async def told_again(self, sale: Sale) -> None:
        """Deliver the same event again, then pay a second checkout of the same customer."""
        event = await self.shop.completed_event(sale)
        for _ in range(3):
            await self.shop.resend(event)
        self.screen.step(f"{event} was delivered three times more")
        account = await self._account(sale)
        before = await self.tollgate.refunds_due()
        second = await self.shop.sell_to(sale.customer, PLAN)
        await self.shop.pay(second, GOOD_CARD)
        self.screen.step("the same customer paid a second checkout")

        async def listed() -> bool:
            return await self.tollgate.refunds_due() > before

        await until(listed, _PATIENCE, "the second purchase to be listed for refund")
        self.screen.check(True, "the second purchase is listed to be given back")
        found = await self.cluster.namespaces(account)
        self.screen.check(len(found) == 1, "the account still has exactly one namespace")

    async def declined(self) -> None:
        """Pay with a card that is declined."""
        sale = await self.shop.sell(PLAN, "eve@example.com")
        status = await self.shop.pay(sale, DECLINED_CARD)
        self.screen.check(not is_paid(status), f"the hosted page declined the card ({status})")
        account = await self.tollgate.account_of(self.provider_account, sale.customer)
        self.screen.check(account is None, "no account and no namespace was made for it")

    async def canceled(self, sale: Sale) -> None:
        """End a subscription."""
        await self.shop.cancel(await self.shop.subscription_of(sale))
        account = await self._account(sale)
        tenant = await self._tenant(account, provisioner_pb2.TENANT_PHASE_SUSPENDED)
        self.screen.step(f"{tenant.namespace} is suspended")
        objects = await self.cluster.objects(tenant.namespace)
        self.screen.check(not objects["RoleBinding"], "its owner cannot enter any more")
        replicas = [item["spec"].get("replicas") for item in objects["Deployment"]]
        self.screen.check(replicas == [0], "its workloads are scaled to zero, and kept")

    async def _account(self, sale: Sale) -> str:
        async def account() -> str | None:
            return await self.tollgate.account_of(self.provider_account, sale.customer)

        return str(await until(account, _PATIENCE, "the account of the purchase"))

    async def _ready(self, sale: Sale) -> Tenant:
        account = await self._account(sale)
        return await self._tenant(account, provisioner_pb2.TENANT_PHASE_READY)

    async def _tenant(self, account: str, phase: provisioner_pb2.TenantPhase.ValueType) -> Tenant:
        async def tenant() -> Tenant | None:
            found = await self.tollgate.tenants(account)
            return found[0] if found and found[0].phase == phase else None

        name = provisioner_pb2.TenantPhase.Name(phase)
        answer: Tenant = await until(tenant, _PATIENCE, f"{account} to be {name}")
        return answer

    async def _stands(self, tenant: Tenant) -> None:
        namespaces = await self.cluster.namespaces(tenant.account)
        self.screen.check(len(namespaces) == 1, "exactly one namespace carries the account's label")
        objects = await self.cluster.objects(tenant.namespace)
        missing = [kind for kind in EXPECTED if not objects[kind]]
        self.screen.check(not missing, f"it holds {', '.join(EXPECTED)}")
        quota = objects["ResourceQuota"][0]["spec"]["hard"]
        told = ", ".join(f"{name} {amount}" for name, amount in sorted(quota.items()))
        self.screen.check(quota.get("pods") == "50", f"its quota: {told}")


async def provider_account(http: aiohttp.ClientSession, base: str, key: str) -> str:
    """Return the Stripe account that a key belongs to."""
    headers = {"Authorization": f"Bearer {key}"}
    async with http.get(f"{base}/v1/account", headers=headers) as answer:
        answer.raise_for_status()
        return str((await answer.json())["id"])
