"""Whatever is killed, each paid account ends with exactly one namespace."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.sandbox.demo.shop import Sale
from deploy.sandbox.demo.tollgate import until
from tests.e2e.world import World
from tollgate.provisioner.v1 import provisioner_pb2

PAYMENTS = 50
COPIES = 4
VICTIMS = ("gateway", "pricing", "payments", "subscription", "provisioner", "postgres")


@pytest.fixture
async def noisy(world: World) -> AsyncIterator[World]:
    """The world with every event delivered four times, shuffled."""
    url = world.endpoints["stripe"]["api_base"] + "/sandbox/delivery"
    async with world.http.post(url, json={"copies": COPIES, "shuffle": True}) as answer:
        assert answer.status == 200, await answer.text()
    yield world
    async with world.http.post(url, json={"copies": 1, "shuffle": False}) as answer:
        assert answer.status == 200


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_a_kill_while_fifty_payments_arrive_loses_and_doubles_nothing(
    noisy: World, victim: str
) -> None:
    killed: list[int] = []
    at_once = asyncio.Semaphore(8)

    async def buy(number: int) -> Sale:
        async with at_once:
            sale = await noisy.buy(f"{victim}-{number}@example.com")
        if number == PAYMENTS // 3:
            killed.append(noisy.stack.kill(victim))
        return sale

    sales = await asyncio.gather(*(buy(number) for number in range(PAYMENTS)))
    assert killed
    accounts = [await noisy.account(sale, timeout=60) for sale in sales]
    assert len(set(accounts)) == PAYMENTS
    for account in accounts:
        await noisy.tenant(account, provisioner_pb2.TENANT_PHASE_READY, timeout=60)
        assert len(await noisy.cluster.namespaces(account)) == 1
        assert len(await noisy.tollgate.tenants(account)) == 1

    async def back() -> bool:
        try:
            return noisy.stack.pid(victim) != killed[0]
        except FileNotFoundError:
            return False

    assert await until(back, 30, f"{victim} to come back")
