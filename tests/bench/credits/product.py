"""Debits by the product: inside the service's use case, and through its RPC."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio

from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.identity import Principal
from services.subscription.ledger import Pool as CreditPool
from services.subscription.ledger import SpendRequest
from services.subscription.store import PgStore
from services.subscription.usecases import spending
from tests.bench.stack import BenchStack, carried
from tollgate.subscription.v1 import (
    credit_service_pb2,
    subscription_pb2,
    subscription_service_pb2,
)
from tollgate.subscription.v1.credit_service_pb2_grpc import CreditServiceStub
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

CREDITS = 1_000_000
POOL = "sessions"
_AT_ONCE = 16
_TIMEOUT = 30.0
_OPERATOR = Principal("root", "user", "http://127.0.0.1/realms/master", groups=("platform-admin",))


@dataclass(frozen=True)
class Usecase:
    """Debits inside this process, as the service makes them: same store, same transactions."""

    tx: PgTransactions[PgStore]

    async def debit(self, account: str, key: str) -> bool:
        """Spend one credit."""
        pool = CreditPool(account, POOL)
        await spending.debit(self.tx, SpendRequest(pool, 1, "bench", "bench", key))
        return True


@dataclass(frozen=True)
class Rpc:
    """Debits through the service, as the provisioner asks for sessions."""

    channel: grpc.aio.Channel

    async def debit(self, account: str, key: str) -> bool:
        """Spend one credit."""
        request = credit_service_pb2.DebitCreditsRequest(
            account=account, pool=POOL, amount=1, reference="bench", request_id=key
        )
        stub = CreditServiceStub(self.channel)
        await stub.DebitCredits(request, timeout=_TIMEOUT)
        return True


@asynccontextmanager
async def service_pool(stack: BenchStack, connections: int) -> AsyncIterator[Pool]:
    """Connect to the service's schema as the service does."""
    pool = await open_pool(
        stack.database_dsn,
        application_name="bench",
        schema="subscription",
        min_size=connections,
        max_size=connections,
    )
    try:
        yield pool
    finally:
        await pool.close()


async def accounts(channel: grpc.aio.Channel, count: int) -> list[str]:
    """Make accounts with credits, through the RPCs."""
    left, made = iter(range(count)), list[str]()
    metadata = carried(_OPERATOR)

    async def maker() -> None:
        for number in left:
            request = subscription_service_pb2.CreateAccountRequest(
                kind=subscription_pb2.Account.KIND_USER, external_id=f"usr_bench{number}"
            )
            answer = await SubscriptionServiceStub(channel).CreateAccount(
                request, metadata=metadata, timeout=_TIMEOUT
            )
            name = answer.account.name
            grant = credit_service_pb2.GrantCreditsRequest(
                account=name, pool=POOL, amount=CREDITS, reason="bench", request_id=name
            )
            await CreditServiceStub(channel).GrantCredits(
                grant, metadata=metadata, timeout=_TIMEOUT
            )
            made.append(name)

    async with asyncio.TaskGroup() as makers:
        for _ in range(_AT_ONCE):
            makers.create_task(maker())
    return made


def transactions(pool: Pool) -> PgTransactions[PgStore]:
    """Make the service's transactions; a debit tells nobody, so there is nothing to encode."""

    def encode(*_facts: object) -> Sequence[object]:
        raise AssertionError("a debit tells no fact")

    return PgTransactions(pool, lambda connection: PgStore(connection, encode))  # type: ignore[arg-type] # never called
