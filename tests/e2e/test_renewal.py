"""A month goes by on a test clock: the renewal is paid, and the credits are reset, once."""

import itertools
import time
from dataclasses import dataclass
from typing import Any

import grpc.aio

from deploy.sandbox.demo.shop import GOOD_CARD, Sale
from deploy.sandbox.demo.tollgate import until
from tests.e2e.world import World
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.subscription.v1 import credit_service_pb2, credits_pb2
from tollgate.subscription.v1.credit_service_pb2_grpc import CreditServiceStub

READY = provisioner_pb2.TENANT_PHASE_READY
ASKS = "4000002500003155"
CREDITS = 5000
DAY = 86_400
_people = itertools.count(1)


@dataclass
class Clocked:
    """A person whose customer is on a test clock, and what can be asked and done for them."""

    world: World
    token: str
    clock: str
    began: int
    sale: Sale

    async def stripe(self, method: str, path: str, **form: str) -> dict[str, Any]:
        """Call the provider as an operator would, with its key."""
        stripe = self.world.endpoints["stripe"]
        headers = {"Authorization": f"Bearer {stripe['secret_key']}"}
        async with self.world.http.request(
            method, stripe["api_base"] + path, data=form or None, headers=headers
        ) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    async def move_to(self, days: int) -> None:
        """Move the clock to so many days after the start, and wait until it is there."""
        path = f"/v1/test_helpers/test_clocks/{self.clock}"
        moment = str(self.began + days * DAY)
        await self.stripe("POST", f"{path}/advance", frozen_time=moment)

        async def ready() -> bool:
            status: str = (await self.stripe("GET", path))["status"]
            return status == "ready"

        await until(ready, 30, "the test clock")

    async def entitlement(self) -> dict[str, Any]:
        """Ask document 000's question."""
        url = f"{self.world.endpoints['gateway']}/api/tollgate/validate-subscription"
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"requiredTier": "premium", "requiredFeatures": ["custom-resources"]}
        async with self.world.http.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def entries(self, account: str) -> list[credits_pb2.CreditEntry]:
        """Return the ledger of the account."""
        endpoints = self.world.endpoints
        metadata = (("authorization", f"Bearer {endpoints['tokens']['platform-admin']}"),)
        async with grpc.aio.insecure_channel(endpoints["grpc"]["subscription"]) as channel:
            request = credit_service_pb2.ListCreditEntriesRequest(account=account, pool="sessions")
            answer = await CreditServiceStub(channel).ListCreditEntries(
                request, metadata=metadata, timeout=5
            )
        return list(answer.entries)

    async def granted(self, account: str, times: int) -> list[credits_pb2.CreditEntry]:
        """Wait until credits were granted so often; return the ledger."""

        async def found() -> list[credits_pb2.CreditEntry] | None:
            entries = await self.entries(account)
            grants = [e for e in entries if e.kind == credits_pb2.CreditEntry.KIND_GRANT]
            return entries if len(grants) >= times else None

        entries: list[credits_pb2.CreditEntry] = await until(found, 30, f"{times} grants")
        return entries


async def begin(world: World) -> Clocked:
    """Make a person, a clock, a customer on it that is theirs, and a checkout session."""
    subject = f"renewer-{next(_people)}-{time.time_ns()}"
    form = {"role": "project-user", "organization": "acme", "sub": subject}
    url = f"{world.endpoints['identity']['base']}/token"
    async with world.http.post(url, data=form) as answer:
        token = (await answer.json())["access_token"]
    began = int(time.time())
    someone = Clocked(world, token, "", began, Sale("", "", ""))
    clock = await someone.stripe("POST", "/v1/test_helpers/test_clocks", frozen_time=str(began))
    customer = await someone.stripe(
        "POST",
        "/v1/customers",
        email=f"{subject}@example.com",
        test_clock=clock["id"],
        **{"metadata[user_id]": subject},
    )
    sale = await world.shop.sell_to(customer["id"], "sessions/professional")
    return Clocked(world, token, clock["id"], began, sale)


async def test_a_renewal_is_paid_and_resets_the_credits_once(world: World) -> None:
    someone = await begin(world)
    assert (await someone.entitlement())["isValid"] is False
    assert await world.shop.pay(someone.sale, GOOD_CARD) == 303
    account = await world.account(someone.sale)
    await world.tenant(account, READY)
    await someone.granted(account, 1)
    held = await someone.entitlement()
    assert (held["isValid"], held["subscriptionTier"]) == (True, "premium")
    assert held["remainingCredits"] == CREDITS

    await someone.move_to(32)
    entries = await someone.granted(account, 2)
    await _tell_again(someone)
    assert [(entry.kind, entry.amount) for entry in entries] == [
        (credits_pb2.CreditEntry.KIND_GRANT, CREDITS),
        (credits_pb2.CreditEntry.KIND_EXPIRE, CREDITS),
        (credits_pb2.CreditEntry.KIND_GRANT, CREDITS),
    ]
    await someone.move_to(63)
    entries = await someone.granted(account, 3)
    assert len(entries) == 5
    assert (await someone.entitlement())["remainingCredits"] == CREDITS


async def _tell_again(someone: Clocked) -> None:
    """Have every event of a paid invoice delivered twice more."""
    for kind in ("invoice.paid", "invoice.payment_succeeded"):
        found = await someone.stripe("GET", f"/v1/events?type={kind}&limit=20")
        for event in found["data"]:
            if event["data"]["object"]["customer"] == someone.sale.customer:
                await someone.world.shop.resend(event["id"])
                await someone.world.shop.resend(event["id"])


async def test_a_renewal_that_fails_takes_nothing_before_it_is_given_up(world: World) -> None:
    someone = await begin(world)
    assert await world.shop.pay(someone.sale, GOOD_CARD) == 303
    account = await world.account(someone.sale)
    await world.tenant(account, READY)
    subscription = await world.shop.subscription_of(someone.sale)
    card = await someone.stripe(
        "POST",
        "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
        customer=someone.sale.customer,
    )
    path = f"/v1/subscriptions/{subscription}"
    await someone.stripe("POST", path, default_payment_method=card["id"])
    await someone.move_to(32)

    async def past_due() -> bool:
        status: str = (await someone.entitlement())["billingStatus"]
        return status == "past_due"

    await until(past_due, 30, "the subscription to be past due")
    assert (await someone.entitlement())["isValid"] is True
    assert len(await someone.entries(account)) == 1
    # Every attempt fails: Stripe gives up and cancels.
    await someone.move_to(60)
    await world.tenant(account, provisioner_pb2.TENANT_PHASE_SUSPENDED)
    assert (await someone.entitlement())["isValid"] is False


async def test_a_card_that_asks_its_owner_pays_when_the_owner_agrees(world: World) -> None:
    refused, agreed = await begin(world), await begin(world)
    for someone, outcome, status in ((refused, "fail", 402), (agreed, "complete", 303)):
        await world.shop.pay(someone.sale, ASKS)
        page = f"{someone.sale.url}/authenticate"
        async with world.http.post(page, data={"outcome": outcome}, allow_redirects=False) as told:
            assert told.status == status
    await world.tenant(await world.account(agreed.sale), READY)
    found = await world.tollgate.account_of(world.provider_account, refused.sale.customer)
    assert found is None
