"""Plans that are given by hand: over gRPC, on the command line, and beside the previous version."""

from collections.abc import Sequence

import pytest

from services.chassis.db import Pool
from services.chassis.errors import FailedPrecondition, PermissionDenied
from services.chassis.identity import acting
from services.subscription import usecases
from services.subscription.assigning import EndingMode
from services.subscription.domain import AccountKind, Phase
from tests.fakes.subscription_world import ADMIN, World
from tests.integration.subscription.stack import Stack
from tests.integration.subscription.test_purchase import BOSS, bought, pay
from tests.unit.chassis.rpc.starting import program
from tests.unit.subscription.people import account_of, assign, end
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

TURBO = pricing_pb2.AddonQuantity(addon="pools/turbo", quantity=2)


async def acme(stack: Stack) -> str:
    """Make the organization's account and return it."""
    stub = await stack.stub()
    kind = subscription_pb2.Account.KIND_ORGANIZATION
    with acting(ADMIN):
        made = await stub.CreateAccount(pb.CreateAccountRequest(kind=kind, external_id="acme"))
    return made.account.name


async def command(stack: Stack, *arguments: str) -> tuple[int | None, str, str]:
    """Run an operator's command with the service's own settings."""
    async with program("services.subscription", *arguments, **stack.settings) as started:
        out, complaint = await started.process.communicate()
    return started.process.returncode, out.decode(), complaint.decode()


async def test_an_operator_gives_a_plan_and_ends_it(stack: Stack) -> None:
    account, stub = await acme(stack), await stack.stub()
    wish = pb.AssignPlanRequest(
        account=account, plan="pools/small", addons=[TURBO], reason="sponsored", request_id="r1"
    )
    with acting(BOSS), pytest.raises(PermissionDenied):
        await stub.AssignPlan(wish)
    with acting(ADMIN):
        held = (await stub.AssignPlan(wish)).subscription
        again = (await stub.AssignPlan(wish)).subscription
    assert (again, held.state) == (held, subscription_pb2.STATE_ACTIVE)
    assert (held.provider, held.assignment.actor, held.assignment.reason) == (
        "",
        "root",
        "sponsored",
    )
    [order] = await stack.provisioner.orders(1)
    assert (order.organization, order.plan) == ("acme", "pools/small")
    assert order.capacity.organization.quota["cpu"] == "8"
    assert (order.subscription.provider, order.subscription.plan_display_name) == ("", "Small")
    with acting(BOSS), pytest.raises(FailedPrecondition) as refused:
        await stub.CancelSubscription(pb.CancelSubscriptionRequest(name=held.name))
    assert refused.value.reason == "ASSIGNED_BY_HAND"
    over = pb.EndAssignmentRequest(
        name=held.name, mode=pb.EndAssignmentRequest.MODE_NOW, reason="over"
    )
    with acting(ADMIN):
        ended = (await stub.EndAssignment(over)).subscription
    assert ended.assignment.end_reason == "over"
    _, suspended = await stack.provisioner.orders(2)
    assert suspended.phase == subscription_pb2.PHASE_SUSPENDED
    assert suspended.generation == order.generation + 1


async def test_what_is_paid_goes_before_what_was_given(stack: Stack) -> None:
    account, stub = await acme(stack), await stack.stub()
    with acting(ADMIN):
        wish = pb.AssignPlanRequest(account=account, plan="pools/large", reason="sponsored")
        await stub.AssignPlan(wish)
    page = await bought(stack, "pools/small")
    assert await pay(stack, page, "price_small", 1900) == account
    given, paid = await stack.provisioner.orders(2)
    assert (given.plan, paid.plan) == ("pools/large", "pools/small")
    with acting(ADMIN), pytest.raises(FailedPrecondition) as refused:
        await stub.AssignPlan(wish)
    assert refused.value.metadata["plan"] == "pools/small"


async def test_an_operator_without_a_token_does_the_same(stack: Stack) -> None:
    meant = ("--organization", "acme", "--plan", "pools/small", "--actor", "eve")
    give = ("assign-plan", *meant, "--addon", "turbo=2", "--reason", "sponsored")
    code, _, complaint = await command(stack, *give, "--dry-run")
    assert (code, complaint.startswith("UNKNOWN_ACCOUNT: ")) == (1, True)
    code, said, complaint = await command(stack, *give)
    assert (code, complaint) == (0, "")
    assert "holds pools/small + 2 x pools/turbo as tsub_" in said
    [order] = await stack.provisioner.orders(1)
    assert (order.organization, order.plan) == ("acme", "pools/small")
    code, said, _ = await command(stack, "end-assignment", *meant, "--now", "--reason", "over")
    assert (code, "pools/small" in said) == (0, True)
    _, suspended = await stack.provisioner.orders(2)
    assert suspended.phase == subscription_pb2.PHASE_SUSPENDED


@pytest.fixture
async def ended(world: World) -> Sequence[str]:
    """Give two accounts a plan, one until it was ended and one for ever; return their names."""
    names = []
    for outside in ("ann", "bob"):
        account = await account_of(world, AccountKind.USER, outside)
        held = await usecases.assign_plan(world.desk, ADMIN, assign(account.name, "shop/keep"))
        names.append(account.name)
        if outside == "ann":
            await usecases.end_assignment(world.desk, ADMIN, end(held.name, EndingMode.NOW))
    return names


async def test_an_end_that_the_previous_version_wrote_over_is_put_right(
    world: World, pool: Pool, ended: Sequence[str]
) -> None:
    # It knows no assignments, and takes the row for something that was paid once and goes on.
    await pool.execute(
        "UPDATE subscriptions SET state = 'ACTIVE', ending = 'NONE', due = NULL,"
        " suspend_time = NULL, period_start = NULL, period_end = NULL"
    )
    await pool.execute("UPDATE orders SET phase = 'RUNNING', generation = generation + 1")
    await pool.execute("UPDATE accounts SET generation = generation + 1")
    assert (await usecases.sweep_retention(world.tx)).done == 1
    phases = [(await world.orders(account))[-1].phase for account in ended]
    assert phases == [Phase.SUSPENDED, Phase.RUNNING]
