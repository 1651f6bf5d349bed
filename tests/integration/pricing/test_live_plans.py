"""The ConfigMap ``billing-plans`` of a cluster, edited by its operator, is what pricing sells."""

from collections.abc import AsyncIterator

import pytest
import yaml

from services.pricing.domain import ActiveCatalog
from services.pricing.sources import SourceForm, differences, opened
from tests.integration.postgres_fixture import Database
from tests.integration.pricing.live_plans import Shop, running_shop
from tests.integration.provisioner.cluster_fixture import running_plane
from tests.unit.pricing.sources.samples import MANIFEST, POOLS, settings, shipped

PLANS: str = yaml.safe_load(MANIFEST)["data"]["plans.yaml"]
DEARER = PLANS.replace("price: 49", "price: 59")
BROKEN = PLANS.replace("price: 49", "price: much")


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with (
        running_plane("sandbox") as plane,
        running_shop(plane, database, settings()) as shop,
    ):
        yield shop


def pro(active: ActiveCatalog) -> int:
    """Return what the plan in the middle costs, in cents; 0 if it is not sold."""
    plan = active.catalog.plans.get("pro-pool")
    return plan.prices[0].amount.minor_units if plan else 0


async def test_an_edit_of_the_configmap_is_in_force_within_a_second(shop: Shop) -> None:
    await shop.write(PLANS)
    first = await shop.until(lambda active: pro(active) == 4900)
    assert differences(first.catalog, shipped("kube-dc")) == []
    await shop.write(DEARER)
    # With room for a busy machine; it takes some tens of milliseconds.
    dearer = await shop.until(lambda active: pro(active) == 5900, seconds=1.0)
    assert dearer.catalog.version != first.catalog.version
    assert await shop.versions() == 2


async def test_a_configmap_with_one_broken_plan_keeps_the_rest(shop: Shop) -> None:
    await shop.write(PLANS)
    await shop.until(lambda active: pro(active) == 4900)
    await shop.write(BROKEN)
    partly = await shop.until(lambda active: bool(active.error))
    assert list(partly.catalog.plans) == ["dev-pool", "scale-pool"]
    assert list(partly.catalog.addons) == ["turbo-x1", "turbo-x2"]
    line = 1 + BROKEN.splitlines().index("    price: much")
    place = f"kube-dc/billing-plans#plans.yaml:{line}: plans.pro-pool.price"
    assert partly.error.startswith(f"{place}: expected an amount")
    await shop.write(PLANS)
    assert pro(await shop.until(lambda active: not active.error)) == 4900


async def test_a_configmap_that_cannot_be_read_at_all_changes_nothing(shop: Shop) -> None:
    await shop.write(PLANS)
    good = await shop.until(lambda active: pro(active) == 4900)
    await shop.write("plans: [")
    bad = await shop.until(lambda active: "is no YAML" in active.error)
    assert bad.catalog == good.catalog


async def test_an_unchanged_content_makes_no_version_and_two_replicas_make_one(
    shop: Shop,
) -> None:
    await shop.write(PLANS)
    await shop.until(lambda active: pro(active) == 4900)
    # Each of the two tells once what stood when it began.
    await shop.settled(2)
    await shop.write(PLANS, labels={"edited": "1"})
    await shop.write(DEARER)
    await shop.until(lambda active: pro(active) == 5900)
    revisions = [fact.revision for fact in shop.delivered]
    assert revisions == sorted(set(revisions))
    assert await shop.versions() == 2
    await shop.write(PLANS)
    await shop.until(lambda active: pro(active) == 4900)
    assert await shop.versions() == 2
    assert len(shop.delivered) == 4


async def test_many_edits_at_once_end_with_the_last_one(shop: Shop) -> None:
    await shop.write(PLANS)
    for amount in range(50, 70):
        await shop.write(PLANS.replace("price: 49", f"price: {amount}"))
    await shop.until(lambda active: pro(active) == 6900)
    revisions = [fact.revision for fact in shop.delivered]
    assert revisions == sorted(set(revisions))
    # And it stays: nothing older follows.
    await shop.write(PLANS.replace("price: 49", "price: 71"))
    await shop.until(lambda active: pro(active) == 7100)


async def test_a_configmap_that_is_deleted_ends_no_sale_and_is_said(shop: Shop) -> None:
    await shop.write(PLANS)
    good = await shop.until(lambda active: pro(active) == 4900)
    await shop.delete()
    gone = await shop.until(lambda active: "is gone" in active.error)
    assert gone.catalog == good.catalog
    await shop.write(DEARER)
    assert (await shop.until(lambda active: pro(active) == 5900)).error == ""


async def test_the_provisioner_may_read_this_configmap_and_no_other(shop: Shop) -> None:
    own = shop.plane.api.as_user("provisioner")
    maps = "/api/v1/namespaces/kube-dc/configmaps"
    one = "fieldSelector=metadata.name%3D"
    assert (await own.call("GET", f"{maps}?{one}billing-plans"))[0] == 200
    for path in (
        maps,
        f"{maps}/other",
        f"{maps}?{one}other",
        f"{maps}?watch=1&timeoutSeconds=1",
        f"/api/v1/configmaps?{one}billing-plans",
        "/api/v1/namespaces/kube-dc/secrets",
    ):
        assert (await own.call("GET", path))[0] == 403, path
    body = {"data": {"plans.yaml": "plans: {}"}}
    merge = "application/merge-patch+json"
    assert (await own.call("PATCH", f"{maps}/billing-plans", body, merge))[0] == 403
    assert (await own.call("DELETE", f"{maps}/billing-plans"))[0] == 403


def test_what_is_sold_from_the_configmap_is_what_its_file_says() -> None:
    from_file = opened(MANIFEST, "billing-plans.yaml", POOLS).catalog
    from_text = opened(PLANS, "x#plans.yaml", POOLS, SourceForm.BILLING_PLANS).catalog
    assert from_file == from_text
    assert from_file is not None
