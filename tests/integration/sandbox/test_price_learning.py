"""A price id that an edit of the ConfigMap names can be paid: the sandbox Stripe has learnt it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import stripe
import yaml

from deploy.sandbox.stack.kubeapi import KubeApiError
from deploy.sandbox.stack.teaching import PriceTeacher, teaching
from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import official
from tests.integration.provisioner.cluster_fixture import until

EXAMPLE = Path("deploy/catalogs/examples/billing-plans.yaml")
PLANS: str = yaml.safe_load(EXAMPLE.read_text())["data"]["plans.yaml"]
NAME = "kube-dc/billing-plans"


def sold_as(price: str, amount: int) -> str:
    """Return the plans with another price for the one in the middle."""
    provider = f"price: {amount}\n    providers: {{stripe: {{priceId: {price}}}}}"
    changed = PLANS.replace("price: 49", provider)
    assert changed != PLANS
    return changed


@dataclass
class Cluster:
    """The API as far as it is asked; no ConfigMap before the first edit."""

    text: str = ""
    version: int = 0
    asked: int = 0

    async def call(self, method: str, path: str) -> dict[str, object]:
        self.asked += 1
        assert (method, path) == ("GET", "/api/v1/namespaces/kube-dc/configmaps/billing-plans")
        if not self.version:
            raise KubeApiError("no such ConfigMap", 404)
        return {
            "metadata": {"resourceVersion": str(self.version)},
            "data": {"plans.yaml": self.text},
        }

    async def edit(self, text: str) -> None:
        """Write, and wait for the second look after it: it begins when the first one has told."""
        self.text, self.version = text, self.version + 1
        seen = self.asked
        await until(lambda: self.asked > seen + 1)


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxStripe]:
    async with SandboxStripe() as running:
        yield running


async def known(client: stripe.StripeClient) -> dict[str, int | None]:
    """Return what each price costs."""
    found = await client.v1.prices.list_async({"limit": 100})
    return {one.id: one.unit_amount for one in found.data}


async def test_an_edit_is_learnt_and_what_was_sold_before_stays(sandbox: SandboxStripe) -> None:
    cluster, told = Cluster(), list[str]()
    teacher = PriceTeacher(cluster, NAME, sandbox.url, told.append)  # type: ignore[arg-type]  # as far as it is asked
    async with official(sandbox.url, sandbox.secret_key) as client, teaching(teacher):
        await until(lambda: cluster.asked > 1)
        assert await known(client) == {}
        for version, amount in (("price_new", 49), ("price_newer", 59)):
            await cluster.edit(sold_as(version, amount))
        # A price of Stripe never changes: neither does one that is told of anew.
        await cluster.edit(sold_as("price_new", 99))
        assert await known(client) == {"price_new": 4900, "price_newer": 5900}
        session = await client.v1.checkout.sessions.create_async(
            {"mode": "subscription", "line_items": [{"price": "price_newer", "quantity": 1}]}
        )
        assert (session.currency, session.amount_total) == ("eur", 5900)
        await cluster.edit("plans: [")
    assert "is no YAML" in told[0]
    assert len(told) == 1


async def test_what_is_no_catalog_is_refused_in_words(sandbox: SandboxStripe) -> None:
    url = f"{sandbox.url}/sandbox/catalog"
    async with aiohttp.ClientSession() as http:
        for body, words in (
            ({"text": ""}, "name: namespace/name of the ConfigMap"),
            ({"name": NAME}, "text: its plans.yaml"),
            ({"name": NAME, "text": "plans: ["}, "is no YAML"),
            ({"name": NAME, "text": "", "more": 1}, "unknown: more"),
        ):
            async with http.post(url, json=body) as answer:
                assert answer.status == 400
                assert words in (await answer.json())["error"]
