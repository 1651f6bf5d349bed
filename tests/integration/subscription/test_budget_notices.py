"""From capacity that stands to a notice on the account, over the two services' processes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.channel import Channel, connect
from services.chassis.facts import Outcome
from services.chassis.identity import acting
from services.chassis.sink import FactSinkClient
from tests.fakes.subscription_world import ADMIN
from tests.integration.postgres_fixture import Database
from tests.integration.subscription.stack import Stack, fact
from tests.unit.chassis.rpc.starting import program
from tollgate.common.v1 import capacity_pb2, money_pb2
from tollgate.pricing.v1 import cost_pb2, cost_service_pb2_grpc
from tollgate.pricing.v1 import cost_service_pb2 as costs
from tollgate.provisioner.v1 import events_pb2, provisioner_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

SPENT = cost_pb2.BudgetThreshold.BASIS_SPENT
FORECAST = cost_pb2.BudgetThreshold.BASIS_FORECAST


class Pricing:
    """Pricing's process beside subscription's, as its callers see it."""

    def __init__(self, stack: Stack, port: int) -> None:
        self._stack, self._port = stack, port

    async def _channel(self, caller: str) -> Channel:
        tls = self._stack.authority.issue(caller)
        channel = connect(f"127.0.0.1:{self._port}", server_name="pricing", tls=tls)
        return await self._stack.resources.enter_async_context(channel)

    async def observe(self, cores: int) -> None:
        """Let so many cores of Ann's stand since long ago."""
        seen = events_pb2.CapacityObserved(
            tenant="ten_1",
            account="acc_1",
            incarnation=1,
            phase=provisioner_pb2.TENANT_PHASE_READY,
            plan="kube-dc/dev-pool",
            owner_subject="ann",
            capacity=capacity_pb2.Capacity(
                organization=capacity_pb2.OrganizationCapacity(
                    quota={"cpu": str(cores)}, burst_ratio="1"
                )
            ),
        )
        seen.observe_time.FromDatetime(datetime.now(UTC) - timedelta(days=100))
        sink = FactSinkClient(await self._channel("provisioner"))
        [answer] = await sink.deliver([fact(seen, 1, "tenant:ten_1")])
        assert answer.outcome is Outcome.ACCEPTED

    async def stub(self) -> "cost_service_pb2_grpc.CostServiceAsyncStub":
        return cost_service_pb2_grpc.CostServiceStub(await self._channel("gateway"))


@pytest.fixture
async def pricing(stack: Stack, database: Database) -> AsyncIterator[Pricing]:
    dsns, files = await database.service("pricing"), stack.authority.issue("pricing")
    settings = {
        "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_TLS_CERT": str(files.cert),
        "TOLLGATE_TLS_KEY": str(files.key),
        "TOLLGATE_TLS_CA": str(files.ca),
        "TOLLGATE_OIDC_BASE": "http://127.0.0.1:1",
        "TOLLGATE_SUBSCRIPTION_TARGET": f"127.0.0.1:{stack.port}",
        "TOLLGATE_BUDGET_POLL_SECONDS": "0.2",
        "DATABASE_URL": dsns.service,
        "TOLLGATE_MIGRATE_URL": dsns.owner,
    }
    async with program("services.pricing", **settings) as started:
        yield Pricing(stack, (await started.line("listening"))["internal_port"])


Notices = Sequence[subscription_pb2.BudgetNotice]


async def until(stack: Stack, account: str, holds: Callable[[Notices], bool]) -> Notices:
    """Return what an account's budgets say once that is so."""
    stub = await stack.stub()
    async with asyncio.timeout(30):
        while True:
            with acting(ADMIN):
                found = await stub.GetAccount(pb.GetAccountRequest(name=account))
            if holds(found.account.budget_notices):
                return found.account.budget_notices
            await asyncio.sleep(0.05)


async def test_a_passed_budget_is_seen_on_the_account_until_the_budget_is_gone(
    stack: Stack, pricing: Pricing
) -> None:
    await pricing.observe(cores=8)
    accounts, budgets = await stack.stub(), await pricing.stub()
    with acting(ADMIN):
        made = await accounts.CreateAccount(
            pb.CreateAccountRequest(kind=subscription_pb2.Account.KIND_USER, external_id="ann")
        )
        wish = cost_pb2.Budget(
            display_name="Ann's month",
            filter=cost_pb2.CostFilter(user="ann"),
            amount=money_pb2.Money(currency="usd", minor_units=10_000),
            thresholds=[
                cost_pb2.BudgetThreshold(percent=900, basis=SPENT),
                cost_pb2.BudgetThreshold(percent=100, basis=FORECAST),
            ],
        )
        budget = (await budgets.CreateBudget(costs.CreateBudgetRequest(budget=wish))).budget
    [notice] = await until(stack, made.account.name, lambda found: len(found) == 1)
    assert (notice.budget, notice.display_name) == (budget.name, "Ann's month")
    assert notice.month == f"{datetime.now(UTC):%Y-%m}"
    [passed] = notice.passed
    assert (passed.threshold.percent, passed.threshold.basis) == (100, FORECAST)
    # 8 cores are 280.32 a month of 730 hours.
    assert passed.found.minor_units > 25_000
    with acting(ADMIN):
        await budgets.DeleteBudget(costs.DeleteBudgetRequest(name=budget.name))
    assert not await until(stack, made.account.name, lambda found: not found)
