"""The cluster's operator edits the ConfigMap `billing-plans`, and customers see it at once."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.sandbox.demo.tollgate import until
from deploy.sandbox.stack.kubeapi import APPLY, KubeApi
from deploy.sandbox.stack.settings import ROOT
from tests.e2e.world import World

EXAMPLE = ROOT / "deploy" / "catalogs" / "examples" / "billing-plans.yaml"
PATH = "/api/v1/namespaces/kube-dc/configmaps/billing-plans"


@dataclass
class Operator:
    """Who keeps the ConfigMap, and a customer who looks at the plans."""

    world: World
    api: KubeApi
    manifest: dict[str, Any]

    async def write(self, old: str = "", new: str = "") -> None:
        """Apply the shipped ConfigMap, with this in place of that."""
        text = self.manifest["data"]["plans.yaml"]
        assert old in text
        body = {**self.manifest, "data": {"plans.yaml": text.replace(old, new)}}
        query = {"fieldManager": "kubectl", "force": "true"}
        await self.api.call("PATCH", PATH, body, content_type=APPLY, query=query)

    async def prices(self) -> dict[str, float]:
        """Return what the plans cost, as a customer is told."""
        url = f"{self.world.endpoints['gateway']}/api/billing/plans"
        headers = {"Authorization": f"Bearer {self.world.endpoints['tokens']['org-admin']}"}
        async with self.world.http.get(url, headers=headers) as answer:
            body = await answer.json()
            assert answer.status == 200, body
        return {plan["id"]: plan["price"] for plan in body["data"]}

    async def until_prices(self, **wanted: float) -> float:
        """Wait until the plans cost this, with `_` for `-`; return after how many seconds."""
        began = time.monotonic()

        async def seen() -> bool:
            found = {name.replace("-", "_"): price for name, price in (await self.prices()).items()}
            return found == wanted

        await until(seen, 15, f"the plans to cost {wanted}")
        return time.monotonic() - began

    async def until_stripe_sells(self, price: str) -> None:
        """Wait until the sandbox Stripe knows a price; a person makes it there beforehand."""
        stripe = self.world.endpoints["stripe"]
        headers = {"Authorization": f"Bearer {stripe['secret_key']}"}

        async def known() -> bool:
            url = f"{stripe['api_base']}/v1/prices/{price}"
            async with self.world.http.get(url, headers=headers) as answer:
                return answer.status == 200

        await until(known, 15, f"{price} at Stripe")


@pytest.fixture
async def operator(world: World) -> AsyncIterator[Operator]:
    kubeconfig = Path(world.endpoints["kubernetes"]["kubeconfig"])
    async with KubeApi(kubeconfig) as api:
        operator = Operator(world, api, yaml.safe_load(EXAMPLE.read_text()))
        yield operator
        # Other stories buy these plans at the prices that the payment provider has.
        await operator.write()
        await operator.until_prices(dev_pool=19, pro_pool=49, scale_pool=99)


async def test_an_edit_of_the_configmap_is_what_customers_see_within_a_second(
    operator: Operator,
) -> None:
    await operator.write()
    await operator.until_prices(dev_pool=19, pro_pool=49, scale_pool=99)
    await operator.write("price: 49", "price: 59")
    assert await operator.until_prices(dev_pool=19, pro_pool=59, scale_pool=99) < 1.0


async def test_a_broken_plan_is_not_sold_and_the_others_are(operator: Operator) -> None:
    await operator.write("price: 49", "price: much")
    await operator.until_prices(dev_pool=19, scale_pool=99)
    await operator.write("plans:", "plans: [")
    await operator.write("price: 99", "price: 89")
    await operator.until_prices(dev_pool=19, pro_pool=49, scale_pool=89)


async def test_a_price_that_an_edit_names_for_the_first_time_is_bought(operator: Operator) -> None:
    world = operator.world
    fresh = "price: 69\n    providers: {stripe: {priceId: price_live_edit}}"
    await operator.write("price: 49", fresh)
    await operator.until_prices(dev_pool=19, pro_pool=69, scale_pool=99)
    await operator.until_stripe_sells("price_live_edit")
    body = {"planId": "pro-pool", "addons": []}
    url = f"{world.endpoints['gateway']}/api/billing/organization-subscription"
    headers = {"Authorization": f"Bearer {world.endpoints['tokens']['org-admin']}"}
    async with world.http.post(url, json=body, headers=headers) as answer:
        told = await answer.json()
        assert answer.status == 200, told
    assert told["data"]["url"].startswith(world.endpoints["stripe"]["api_base"])
