"""What the stories are told with: the shop, the product's own RPCs, the cluster, and a kill."""

import json
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from deploy.sandbox.demo.cluster import Cluster
from deploy.sandbox.demo.sessions import provider_account
from deploy.sandbox.demo.shop import GOOD_CARD, Sale, Shop
from deploy.sandbox.demo.tollgate import Tenant, Tollgate, until

PLAN = "sessions/professional"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class UpStack:
    """A running `make up` in ``home``."""

    home: Path

    @property
    def endpoints(self) -> dict[str, Any]:
        """What endpoints.json says."""
        found: dict[str, Any] = json.loads((self.home / "endpoints.json").read_text())
        return found

    def pid(self, name: str) -> int:
        """Return the process id of a part; FileNotFoundError while it does not run."""
        return int((self.home / "run" / f"{name}.pid").read_text())

    def kill(self, name: str) -> int:
        """SIGKILL a part and return the id that it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid


@dataclass
class World:
    """The stack and everybody around it."""

    stack: UpStack
    http: aiohttp.ClientSession
    endpoints: dict[str, Any]
    shop: Shop
    tollgate: Tollgate
    cluster: Cluster
    provider_account: str

    @classmethod
    async def enter(cls, stack: UpStack, http: aiohttp.ClientSession) -> "World":
        """Connect to everything."""
        endpoints = stack.endpoints
        base, key = endpoints["stripe"]["api_base"], endpoints["stripe"]["secret_key"]
        return cls(
            stack=stack,
            http=http,
            endpoints=endpoints,
            shop=Shop(http, base, key),
            tollgate=Tollgate(endpoints),
            cluster=Cluster(Path(endpoints["kubernetes"]["kubeconfig"])),
            provider_account=await provider_account(http, base, key),
        )

    async def leave(self) -> None:
        """Disconnect."""
        await self.cluster.close()
        await self.tollgate.close()

    async def buy(self, email: str = "ada@example.com") -> Sale:
        """Buy the plan as a new customer, and pay."""
        sale = await self.shop.sell(PLAN, email)
        assert await self.shop.pay(sale, GOOD_CARD) == 303
        return sale

    async def account(self, sale: Sale, timeout: float = 30.0) -> str:
        """Wait for the account that a purchase made."""

        async def found() -> str | None:
            return await self.tollgate.account_of(self.provider_account, sale.customer)

        return str(await until(found, timeout, f"an account for {sale.customer}"))

    async def tenant(self, account: str, phase: int, timeout: float = 30.0) -> Tenant:
        """Wait until an account's tenant is in a phase."""

        async def found() -> Tenant | None:
            tenants = await self.tollgate.tenants(account)
            return tenants[0] if tenants and tenants[0].phase == phase else None

        tenant: Tenant = await until(found, timeout, f"{account} in phase {phase}")
        return tenant
