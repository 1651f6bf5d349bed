"""Document 001's purchase through the public edges: REST, the hosted page, and the cluster."""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.demo.console import Answer, Console
from deploy.sandbox.demo.kube_dc import KubeDc
from deploy.sandbox.demo.shop import DECLINED_CARD, GOOD_CARD
from deploy.sandbox.demo.tollgate import until
from services.chassis import quantities
from tests.e2e.world import World

_names = itertools.count(1)
PREFIX = "billing.kube-dc.com/"


@dataclass
class Organization:
    """An organization of Kube-DC with two projects, and the people in it."""

    world: World
    name: str
    kube_dc: KubeDc
    people: dict[str, Console] = field(default_factory=dict)

    @property
    def admin(self) -> Console:
        """Its org-admin."""
        return self.people["org-admin"]

    async def token(self, role: str, namespaces: Sequence[str] | None = None) -> str:
        """Return a token of this role; the role's own namespaces unless others are named."""
        form = {"role": role, "organization": self.name}
        if namespaces is not None:
            form["namespaces"] = ",".join(namespaces)
        url = f"{self.world.endpoints['identity']['base']}/token"
        async with self.world.http.post(url, data=form) as answer:
            return str((await answer.json())["access_token"])

    async def join(self, role: str) -> Console:
        """Return somebody of this role."""
        token = await self.token(role)
        self.people[role] = Console(self.world.http, self.world.endpoints["gateway"], token)
        return self.people[role]

    async def buy(self, plan: str, *addons: str) -> Answer:
        """Buy a plan, pay, and wait until it is in force."""
        page = await self.admin.subscribe(plan, *addons)
        assert page.status == 200, page
        assert await self.world.shop.pay_at(page.data["url"], GOOD_CARD) == 303
        await self.until_annotated("subscription", "active")
        return page

    async def until_annotated(self, name: str, value: str) -> None:
        """Wait until the Organization says so."""

        async def said() -> bool:
            return (await self.kube_dc.annotations()).get(PREFIX + name) == value

        await until(said, 30, f"{self.name} to say {name}={value}")

    async def until_quota(self, **wanted: str) -> None:
        """Wait until the quota objects allow this together; ``requests_cpu`` is requests.cpu."""

        async def stands() -> bool:
            hard = await self.kube_dc.plan_quota()
            return all(
                hard.get(name.replace("_", "."), Decimal(-1)) == quantities.parse(amount)
                for name, amount in wanted.items()
            )

        await until(stands, 30, f"the quota of {self.name} to be {wanted}")


@pytest.fixture
async def acme(world: World) -> AsyncIterator[Organization]:
    name = f"org-{next(_names)}"
    kubeconfig = Path(world.endpoints["kubernetes"]["kubeconfig"])
    kube_dc = KubeDc(kubeconfig, name, ("web", "shop"))
    await kube_dc.found()
    organization = Organization(world, name, kube_dc)
    await organization.join("org-admin")
    yield organization
    await kube_dc.close()


async def test_a_purchase_sets_the_documents_quota_and_annotations(acme: Organization) -> None:
    page = await acme.buy("pro-pool", "turbo-x1")
    await acme.until_quota(
        requests_cpu="10",
        limits_cpu="10",
        requests_memory="28Gi",
        requests_storage="180Gi",
        pods="200",
    )
    said = await acme.kube_dc.annotations()
    assert said[f"{PREFIX}plan-id"] == "pro-pool"
    assert said[f"{PREFIX}addons"] == '[{"addonId":"turbo-x1","quantity":1}]'
    assert said[f"{PREFIX}stripe-subscription-id"].startswith("sub_")
    assert said[f"{PREFIX}stripe-customer-id"].startswith("cus_")
    verified = await acme.admin.verify(page.data["sessionId"])
    assert verified.data == {"verified": True, "status": "active", "planId": "pro-pool"}
    shown = (await acme.admin.subscription()).data
    assert shown["organization"] == acme.name
    assert shown["resources"] == {"cpu": 10, "memory": 28, "storage": 180}
    assert shown["addons"] == [{"addonId": "turbo-x1", "quantity": 1}]
    assert shown["usage"]["pods"]["limit"] == 200


async def test_only_an_org_admin_buys_and_a_guest_sees_no_subscription(
    acme: Organization,
) -> None:
    for role in ("project-user", "guest"):
        person = await acme.join(role)
        for refused in (await person.subscribe("pro-pool"), await person.subscription()):
            assert refused.status == 403
            assert refused.error == "Organization admin access required"


async def test_what_is_not_sold_is_refused_in_words(acme: Organization) -> None:
    for plan, addons, text in (
        ("", (), "planId is required"),
        ("mega-pool", (), "Unknown plan: mega-pool"),
        ("pro-pool", ("nitro",), "Unknown add-on: nitro"),
    ):
        refused = await acme.admin.subscribe(plan, *addons)
        assert (refused.status, refused.error) == (400, text)
        assert refused.body["success"] is False


async def test_a_declined_card_buys_nothing_and_the_page_stays(acme: Organization) -> None:
    page = await acme.admin.subscribe("dev-pool")
    assert await acme.world.shop.pay_at(page.data["url"], DECLINED_CARD) == 402
    verified = await acme.admin.verify(page.data["sessionId"])
    assert verified.data["verified"] is False
    again = await acme.admin.subscribe("dev-pool")
    assert again.data["sessionId"] == page.data["sessionId"]
    assert await acme.world.shop.pay_at(again.data["url"], GOOD_CARD) == 303
    await acme.until_quota(requests_cpu="4", requests_memory="8Gi", requests_storage="60Gi")


async def test_a_page_that_was_shut_is_replaced_and_another_plan_shuts_the_first(
    acme: Organization,
) -> None:
    first = await acme.admin.subscribe("dev-pool")
    await acme.world.shop.expire(first.data["sessionId"])
    second = await acme.admin.subscribe("dev-pool")
    assert second.data["sessionId"] != first.data["sessionId"]
    third = await acme.admin.subscribe("pro-pool")
    assert third.data["sessionId"] != second.data["sessionId"]
    assert await acme.world.shop.pay_at(second.data["url"], GOOD_CARD) == 410
    assert await acme.world.shop.pay_at(third.data["url"], GOOD_CARD) == 303
    await acme.until_quota(requests_cpu="8")


async def test_a_session_of_another_organization_is_not_shown(
    acme: Organization, world: World
) -> None:
    page = await acme.admin.subscribe("dev-pool")
    other = Organization(world, "org-other", acme.kube_dc)
    stranger = await other.join("org-admin")
    refused = await stranger.verify(page.data["sessionId"])
    assert refused.status == 404


async def test_a_second_purchase_is_refused_and_a_change_is_not(acme: Organization) -> None:
    await acme.buy("dev-pool")
    refused = await acme.admin.subscribe("pro-pool")
    assert (refused.status, refused.body["code"]) == (409, "ACCOUNT_HAS_SUBSCRIPTION")
    assert (await acme.admin.change("pro-pool")).status == 200
    await acme.until_annotated("plan-id", "pro-pool")
    await acme.until_quota(requests_cpu="8", requests_memory="24Gi", requests_storage="160Gi")


async def test_an_admin_caps_a_project_and_its_users_see_their_own_only(
    acme: Organization,
) -> None:
    await acme.buy("pro-pool")
    await acme.until_quota(requests_cpu="8", pods="200")
    path = "/api/manage-organization/projects/web/quota"

    async def ask(person: str, method: str, where: str = path, body: object = None) -> Answer:
        token = await acme.token(person, namespaces=[f"{acme.name}-web"])
        headers = {"Authorization": f"Bearer {token}"}
        url = acme.world.endpoints["gateway"] + where
        async with acme.world.http.request(method, url, json=body, headers=headers) as answer:
            return Answer(answer.status, await answer.json())

    wish = {"cpu": 2, "memory": "4Gi", "storage": 20, "pods": 50}
    capped = await ask("org-admin", "PUT", body=wish)
    hard = {
        "requests.cpu": "2",
        "requests.memory": "4Gi",
        "requests.storage": "20Gi",
        "pods": "50",
    }
    assert (capped.status, capped.data["projectQuota"]["hard"]) == (200, hard)
    seen = await ask("project-user", "GET")
    assert (seen.status, seen.data["perProjectQuotaSet"]) == (200, True)
    assert seen.data["namespace"] == f"{acme.name}-web"
    assert seen.data["limitRange"]["limits"][0]["type"] == "Container"
    denied = await ask("project-user", "GET", path.replace("web", "shop"))
    assert (denied.status, denied.error) == (403, "Access denied to namespace")
    assert denied.body["details"] == {
        "namespace": f"{acme.name}-shop",
        "availableNamespaces": [f"{acme.name}-web"],
    }
    assert (await ask("project-user", "PUT", body=wish)).status == 403
    above = await ask("org-admin", "PUT", body={"pods": 201})
    assert (above.status, above.body["code"]) == (400, "QUOTA_EXCEEDED")
    told = {"quota_key": "pods", "requested": "201", "organization_hard": "200"}
    assert above.body["details"] == [told]
    gone = await ask("org-admin", "DELETE")
    assert (gone.status, gone.data["perProjectQuotaSet"]) == (200, False)


async def test_the_end_of_the_money_leaves_the_suspended_plan(acme: Organization) -> None:
    await acme.buy("dev-pool")
    assert (await acme.admin.cancel()).status == 200
    await acme.until_annotated("subscription", "canceling")
    await acme.until_quota(requests_cpu="4")
    said = await acme.kube_dc.annotations()
    await acme.world.shop.cancel(said[f"{PREFIX}stripe-subscription-id"])
    await acme.until_annotated("subscription", "suspended")
    await acme.until_quota(requests_cpu="500m", requests_memory="1Gi", pods="10")
    shown: dict[str, Any] = (await acme.admin.subscription()).data
    assert shown["status"] == "suspended"
    assert shown["suspendedAt"] is not None
