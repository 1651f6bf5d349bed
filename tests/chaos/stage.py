"""What a run stands on: the stack with its fault hooks, the courier, people's ways in."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.sandbox.demo.sessions import provider_account
from deploy.sandbox.demo.tollgate import Tollgate
from deploy.sandbox.stack.kubeapi import KubeApi
from deploy.sandbox.stack.settings import StackSettings
from deploy.sandbox.stack.stack import Stack, running_stack
from deploy.sandbox.supervisor.spec import Event, State
from tests.chaos import catalogs
from tests.chaos.asking import Asker
from tests.chaos.blows import Striker
from tests.chaos.catalogs import Sold
from tests.chaos.courier import Courier
from tests.chaos.evidence import Sources
from tests.chaos.people import Surroundings
from tests.chaos.plan import Plan
from tests.chaos.roster import Roster

_ENDPOINT = "/v1/webhook_endpoints/we_sandbox1"
_SAME_SECOND = 5
"""The provider's events of so many seconds all tell of one and the same second."""
_SETTINGS = {
    "subscription": {
        "TOLLGATE_REFUND_DELAY_SECONDS": "2",
        "TOLLGATE_REFUND_POLL_SECONDS": "1",
        "TOLLGATE_RETENTION_POLL_SECONDS": "1",
    }
}
"""What takes minutes in real life takes seconds here."""


@dataclass(slots=True)
class Deaths:
    """Who died how often, told by the supervisor."""

    counts: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def hear(self, event: Event) -> None:
        """Take in a change of a process's state."""
        if event.state in (State.BACKING_OFF, State.FAILED):
            self.counts[event.name] += 1
        if event.state in (State.BACKING_OFF, State.FAILED, State.READY):
            told = f"{event.name} is {event.state.value} {event.detail}".rstrip()
            self.log.append(f"{time.monotonic() - self.began:7.2f} s  {told}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running stack and everything around it."""

    stack: Stack
    courier: Courier
    striker: Striker
    around: Surroundings
    sources: Sources
    sold: dict[str, Sold]
    deaths: Deaths

    def all_ready(self) -> bool:
        """Whether every process is up."""
        return set(self.stack.supervisor.states().values()) == {State.READY}


@asynccontextmanager
async def staged(plan: Plan, home: Path) -> AsyncIterator[Stage]:
    """Start everything in ``home`` for the time of the block."""
    folder = catalogs.gather(home / "catalogs")
    settings = StackSettings(
        home=home,
        catalog=folder,
        provider="stripe",
        cluster_faults=True,
        service_settings=_SETTINGS,
    )
    deaths = Deaths()
    async with (
        running_stack(settings, deaths.hear) as stack,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http,
        KubeApi(stack.layout.admin_kubeconfig) as cluster,
        asyncio.TaskGroup() as tasks,
    ):
        deaths.began = time.monotonic()
        stripe = stack.endpoints["stripe"]
        roster = Roster(plan.purchases)
        courier = Courier(
            plan.seed, stack.endpoints["gateway"], stripe["webhook_secret"], roster, tasks
        )
        tollgate = Tollgate(stack.endpoints)
        try:
            await _redirect(http, stripe["api_base"], stripe["secret_key"], await courier.start())
            sold = catalogs.read(folder)
            yield Stage(
                stack=stack,
                courier=courier,
                striker=Striker(home, cluster, http, stripe["api_base"]),
                around=await _surroundings(stack, http, tollgate, sold, deaths),
                sources=Sources(
                    database=stack.endpoints["postgres"]["dsn"].replace("/postgres?", "/tollgate?"),
                    kubeconfig=stack.layout.admin_kubeconfig,
                    stripe=stripe["api_base"],
                    stripe_key=stripe["secret_key"],
                    home=home,
                ),
                sold=sold,
                deaths=deaths,
            )
        finally:
            await courier.stop()
            await tollgate.close()


async def _redirect(http: aiohttp.ClientSession, stripe: str, key: str, courier: str) -> None:
    """Have the provider tell the courier instead of the gateway, its seconds made coarse."""
    auth = {"Authorization": f"Bearer {key}"}
    async with http.post(stripe + _ENDPOINT, data={"url": courier}, headers=auth) as answer:
        answer.raise_for_status()
    coarse = {"same_second": _SAME_SECOND}
    async with http.post(f"{stripe}/sandbox/delivery", json=coarse) as answer:
        answer.raise_for_status()


async def _surroundings(
    stack: Stack,
    http: aiohttp.ClientSession,
    tollgate: Tollgate,
    sold: dict[str, Sold],
    deaths: Deaths,
) -> Surroundings:
    endpoints = stack.endpoints
    base, key = endpoints["stripe"]["api_base"], endpoints["stripe"]["secret_key"]
    prices = {
        name if interval == "month" else f"{name}/{interval}": price
        for name, each in sold.items()
        for interval, price in each.prices.items()
    }

    def shop(name: str) -> Asker:
        return Asker(http, base, {"Authorization": f"Bearer {key}"}, f"shop-{name}")

    async def console(organization: str) -> Asker:
        form = {"role": "org-admin", "organization": organization}
        async with http.post(f"{endpoints['identity']['base']}/token", data=form) as answer:
            answer.raise_for_status()
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        billing = f"{endpoints['gateway']}/api/billing"
        return Asker(http, billing, headers, f"console-{organization}")

    return Surroundings(
        make_shop=shop,
        visitor=Asker(http, base, {}),
        console=console,
        prices=prices,
        tollgate=tollgate,
        provider_account=await provider_account(http, base, key),
        kubeconfig=stack.layout.admin_kubeconfig,
        now=lambda: time.monotonic() - deaths.began,
    )
