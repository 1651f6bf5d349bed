"""Facts in any order, facts of unknown types, replays: each test fails without its rule."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, Counter

from services.chassis.facts import FactRecord
from services.chassis.identity import Principal
from services.subscription.domain import AccountKind, Phase, PurchaseStatus
from services.subscription.errors import NotYours
from services.subscription.offers import AddonQuantity
from services.subscription.ports import Expansion
from services.subscription.servicer import Alerting, FactIntake
from tests.fakes.subscription_world import (
    START,
    Catalog,
    World,
    catalog,
    checkout,
    customer,
    invoice,
    memory_world,
    seen,
)
from tollgate.payments.v1 import events_pb2

BOSS = Principal(
    "boss",
    "user",
    issuer="http://idp/realms/acme",
    organization="acme",
    groups=("org-admin",),
)


@pytest.fixture
def world() -> World:
    return memory_world()


async def test_of_two_purchases_that_waited_together_the_one_paid_first_is_given(
    world: World,
) -> None:
    await world.give(checkout("cs_later", price="price_closed", sub="sub_2", at=5))
    await world.give(checkout("cs_first", price="price_closed", sub="sub_1", at=1))
    await world.create(customers=[customer("cus_1")])
    assert {one.checkout.checkout_id: one.status for one in await world.purchases()} == {
        "cs_first": PurchaseStatus.APPLIED,
        "cs_later": PurchaseStatus.REFUND_DUE,
    }


async def test_money_that_came_before_anything_else_was_known_still_counts(world: World) -> None:
    await world.give(invoice("in_1"))
    assert await world.waiting()
    await world.give(seen(price="price_closed"), revision=1)
    await world.create(customers=[customer("cus_1")])
    assert (await world.order()).phase is Phase.RUNNING
    assert await world.waiting() == []


async def test_a_fact_of_a_type_that_is_not_known_yet_is_kept_and_not_dropped(
    world: World,
) -> None:
    counter = Counter("alerts", "Alerts", ("reason",), registry=CollectorRegistry())
    intake = FactIntake(world.tx, world.pricing, world.ids, Alerting(counter))
    await intake.take(FactRecord("fct_1", "k", 0, "tollgate.payments.v1.Newer", b"x"), "payments")
    assert [waits for waits, _ in await world.waiting()] == ["type:tollgate.payments.v1.Newer"]


def _invoiced(name: str, who: str = "cus_1") -> FactRecord:
    message = events_pb2.InvoicePaid(invoice_id=name)
    message.customer.provider, message.customer.provider_account = "stripe", "acct_1"
    message.customer.customer_id = who
    message.paid.currency, message.paid.minor_units = "usd", 4900
    message.pay_time.FromDatetime(START)
    type_name = message.DESCRIPTOR.full_name
    return FactRecord(f"fct_{name}", "k", 0, type_name, message.SerializeToString())


_NEWER = FactRecord("fct_2", "k", 0, "tollgate.payments.v1.Newer", b"x")


@pytest.mark.parametrize(
    ("records", "source", "taken"),
    [
        ([_invoiced("in_1"), _invoiced("in_2")], "payments", True),
        ([_invoiced("in_1"), _NEWER], "payments", False),
        ([_invoiced("in_1"), _invoiced("in_2")], "pricing", False),
        ([_invoiced("in_1"), _invoiced("in_2", "cus_2")], "payments", False),
    ],
    ids=["one customer's money", "an unknown kind", "of another source", "two customers"],
)
async def test_only_facts_of_one_customers_purchases_are_taken_together(
    world: World, records: Sequence[FactRecord], source: str, taken: bool
) -> None:
    counter = Counter("alerts", "Alerts", ("reason",), registry=CollectorRegistry())
    intake = FactIntake(world.tx, world.pricing, world.ids, Alerting(counter))
    assert await intake.take_together(records, source) == taken
    assert len(await world.waiting()) == (2 if taken else 0)


async def test_a_replay_is_authorised_again(world: World) -> None:
    made = await world.create(AccountKind.ORGANIZATION, "acme", key="r1", who=BOSS)
    again = await world.create(AccountKind.ORGANIZATION, "acme", key="r1", who=BOSS)
    assert again.account.name == made.account.name
    demoted = replace(BOSS, groups=("user",))
    with pytest.raises(NotYours):
        await world.create(AccountKind.ORGANIZATION, "acme", key="r1", who=demoted)


class Noting(Catalog):
    """A catalog that notes by which version each plan was expanded."""

    def __init__(self) -> None:
        super().__init__(**catalog().sold)
        self.expanded: list[tuple[str, str]] = []

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        self.expanded.append((plan, catalog_version))
        return await super().expand_capacity(plan, addons, catalog_version)


async def test_a_subscription_goes_on_by_the_catalog_version_that_it_was_sold_by() -> None:
    pricing = Noting()
    world = memory_world(pricing=pricing)
    await world.give(checkout("cs_1", sub="sub_1"))
    pricing.version = "v2"
    await world.give(seen(), revision=1)
    [kept] = await world.subscriptions()
    assert kept.offer.catalog_version == "v1"
    await world.give(seen(price="price_b"), revision=2)
    [changed] = await world.subscriptions()
    assert changed.offer.catalog_version == "v2"
    assert pricing.expanded == [("shop/basic", "v1"), ("shop/basic", "v1"), ("shop/large", "v2")]
