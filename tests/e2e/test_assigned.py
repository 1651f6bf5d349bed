"""Document 001 with BILLING_PROVIDER=none: an operator assigns a plan, and everything stands."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import pytest

from deploy.sandbox.demo.console import Console
from deploy.sandbox.demo.kube_dc import KubeDc
from deploy.sandbox.demo.tollgate import until
from deploy.sandbox.stack.settings import ROOT
from services.chassis import quantities
from tests.e2e.conftest import wait_until_ready
from tests.e2e.world import UpStack, free_port
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

if TYPE_CHECKING:
    from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceAsyncStub

_names = itertools.count(1)
PREFIX = "billing.kube-dc.com/"
PRO = {"requests.cpu": "10", "requests.memory": "28Gi", "requests.storage": "180Gi", "pods": "200"}
SUSPENDED = {"requests.cpu": "500m", "requests.memory": "1Gi", "pods": "10"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpStack]:
    """`make up` without a payment provider; not a key of one is in its environment."""
    home: Path = tmp_path_factory.mktemp("none") / "home"
    env = os.environ | {
        "TOLLGATE_HOME": str(home),
        "TOLLGATE_PORT": str(free_port()),
        "BILLING_PROVIDER": "none",
    }
    for name in ("KUBECONFIG", "DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"):
        env.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.sandbox", "up"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_ready(process)
        yield UpStack(home)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@dataclass
class Story:
    """An organization, its admin, and a platform admin over gRPC."""

    name: str
    endpoints: dict[str, Any]
    http: aiohttp.ClientSession
    kube_dc: KubeDc
    console: Console
    token: str
    stub: "SubscriptionServiceAsyncStub"

    @property
    def platform(self) -> tuple[tuple[str, str], ...]:
        """What a platform admin's call carries."""
        return (("authorization", f"Bearer {self.endpoints['tokens']['platform-admin']}"),)

    async def account(self) -> str:
        """Make the organization's account, or find it."""
        kind = subscription_pb2.Account.KIND_ORGANIZATION
        request = pb.CreateAccountRequest(kind=kind, external_id=self.name)
        made = await self.stub.CreateAccount(request, metadata=self.platform, timeout=10)
        return made.account.name

    async def until_quota(self, wanted: dict[str, str]) -> None:
        """Wait until the quota objects allow this together."""

        async def stands() -> bool:
            hard = await self.kube_dc.plan_quota()
            return all(
                hard.get(name, Decimal(-1)) == quantities.parse(text)
                for name, text in wanted.items()
            )

        await until(stands, 30, f"the quota of {self.name} to be {wanted}")

    async def until_annotated(self, name: str, value: str) -> dict[str, str]:
        """Wait until the Organization says so, and return everything that it says."""

        async def said() -> dict[str, str] | None:
            found = await self.kube_dc.annotations()
            return found if found.get(PREFIX + name) == value else None

        told: dict[str, str] = await until(said, 30, f"{self.name} to say {name}={value}")
        return told

    async def entitled(self) -> bool:
        """Ask document 000's route whether the admin may deploy."""
        url = f"{self.endpoints['gateway']}/api/tollgate/validate-subscription"
        body = {"requiredTier": "premium", "requiredFeatures": ["custom-resources"]}
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.post(url, json=body, headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
        return bool(found["isValid"])


@pytest.fixture
async def story(stack: UpStack) -> AsyncIterator[Story]:
    endpoints, name = stack.endpoints, f"sponsored-{next(_names)}"
    async with AsyncExitStack() as open_ones:
        http = await open_ones.enter_async_context(aiohttp.ClientSession())
        address = endpoints["grpc"]["subscription"]
        channel = await open_ones.enter_async_context(grpc.aio.insecure_channel(address))
        kube_dc = KubeDc(Path(endpoints["kubernetes"]["kubeconfig"]), name, ("web", "shop"))
        open_ones.push_async_callback(kube_dc.close)
        await kube_dc.found()
        form = {"role": "org-admin", "organization": name}
        async with http.post(f"{endpoints['identity']['base']}/token", data=form) as answer:
            token = (await answer.json())["access_token"]
        console = Console(http, endpoints["gateway"], token)
        yield Story(
            name, endpoints, http, kube_dc, console, token, SubscriptionServiceStub(channel)
        )


async def test_a_plan_is_assigned_stands_entitles_and_is_ended(story: Story) -> None:
    assert (await story.console.subscribe("pro-pool")).status == 404
    assert (await story.console.subscription()).data["planId"] is None
    assert await story.entitled() is False
    account = await story.account()
    turbo = pricing_pb2.AddonQuantity(addon="kube-dc/turbo-x1", quantity=1)
    wish = pb.AssignPlanRequest(
        account=account, plan="kube-dc/pro-pool", addons=[turbo], reason="our own", request_id="r1"
    )
    given = await story.stub.AssignPlan(wish, metadata=story.platform, timeout=10)
    assert given.subscription.assignment.reason == "our own"
    await story.until_quota(PRO)
    said = await story.until_annotated("subscription", "active")
    assert said[f"{PREFIX}plan-id"] == "pro-pool"
    assert not [name for name in said if "stripe" in name]
    shown = (await story.console.subscription()).data
    assert (shown["planId"], shown["status"]) == ("pro-pool", "active")
    assert (shown["providerSubscriptionId"], shown["providerCustomerId"]) == (None, None)
    assert shown["addons"] == [{"addonId": "turbo-x1", "quantity": 1}]
    assert shown["usage"]["pods"]["limit"] == 200
    assert await story.entitled() is True

    over = pb.EndAssignmentRequest(
        name=given.subscription.name, mode=pb.EndAssignmentRequest.MODE_NOW, reason="moved away"
    )
    await story.stub.EndAssignment(over, metadata=story.platform, timeout=10)
    await story.until_quota(SUSPENDED)
    assert await story.entitled() is False
    shown = (await story.console.subscription()).data
    assert (shown["status"], shown["suspendedAt"] is not None) == ("suspended", True)


async def test_nobody_but_a_platform_admin_assigns(story: Story) -> None:
    wish = pb.AssignPlanRequest(account=await story.account(), plan="kube-dc/pro-pool", reason="x")
    admins = (("authorization", f"Bearer {story.token}"),)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await story.stub.AssignPlan(wish, metadata=admins, timeout=10)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
