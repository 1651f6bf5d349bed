"""What may change is never remembered, what cannot is asked once; many are read for together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from services.chassis.errors import PermissionDenied, Unavailable
from services.subscription.domain import AccountKind
from services.subscription.entitlement import ValidateRequest
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.offers import AddonQuantity, EndPolicy, Terms
from services.subscription.ports import (
    CatalogInfo,
    Expansion,
    Plan,
    Store,
    SubscriptionTransactions,
)
from tests.fakes.subscription_world import (
    Catalog,
    Sold,
    World,
    checkout,
    customer,
    memory_world,
    namespace,
    nothing,
    seen,
)
from tests.unit.subscription.people import ANN, BOSS, STRANGER, account_of

T = TypeVar("T")
ASKED = ValidateRequest(catalog="shop")
WANTED = ValidateRequest(tier="enterprise", catalog="shop")
BASIC = Terms("Basic", "basic")
PREMIUM = Terms("Premium", "premium", ("builds",))


class Counting(Catalog):
    """Pricing that counts what it is asked."""

    def __init__(self, **sold: Sold) -> None:
        super().__init__(**sold)
        self.asked: list[str] = []
        self.down = False
        self.tells_version = True
        self.changes_after_catalogs = False

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        self.asked.append(f"expand {plan}")
        found = await super().expand_capacity(plan, addons, catalog_version)
        return found if self.tells_version else replace(found, active_version="")

    async def get_plan(self, plan: str) -> Plan:
        self.asked.append(f"plan {plan}")
        return await super().get_plan(plan)

    async def list_plans(self, catalog: str) -> Sequence[Plan]:
        self.asked.append(f"plans {catalog}")
        return await super().list_plans(catalog)

    async def list_catalogs(self) -> Sequence[CatalogInfo]:
        self.asked.append("catalogs")
        if self.down:
            raise Unavailable("Pricing is away.")
        found = await super().list_catalogs()
        if self.changes_after_catalogs:
            self.version += "+"
        return found

    def edit(self, price: str, terms: Terms) -> None:
        """Put another version in force, in which a plan has other terms."""
        self.version += "+"
        self.sold[price] = replace(self.sold[price], terms=terms)


@dataclass
class CountingTransactions:
    """Transactions that count the statements that are sent alone."""

    inner: SubscriptionTransactions
    alone: int = 0

    async def run(self, fn: Callable[[Store], Awaitable[T]], *, timeout: float = 10.0) -> T:
        return await self.inner.run(fn, timeout=timeout)

    async def single(self, fn: Callable[[Store], Awaitable[T]], *, timeout: float = 10.0) -> T:
        self.alone += 1
        return await self.inner.single(fn, timeout=timeout)


@pytest.fixture
def pricing() -> Counting:
    found = Counting(price_a=Sold(terms=BASIC), price_top=Sold("shop/top", namespace(9)))
    found.unpriced["shop/free"] = Sold("shop/free", nothing(), terms=Terms("Free", "", ("site",)))
    found.free_plans["shop"] = "shop/free"
    return found


@pytest.fixture
def world(pricing: Counting) -> World:
    made = memory_world(pricing=pricing)
    made.tx = CountingTransactions(made.tx)
    return made


async def hold(world: World, name: str = "ann", key: str = "user_id") -> None:
    """Let somebody hold the basic plan."""
    payer = Payer(customer(f"cus_{name}"), identity=((key, name),))
    await world.give(replace(checkout(f"cs_{name}", sub=f"sub_{name}"), payer=payer))
    await world.give(replace(seen(f"sub_{name}"), payer=payer), revision=1)


async def test_a_call_that_begins_after_an_activation_sees_the_new_version(
    world: World, pricing: Counting
) -> None:
    await hold(world)
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.tier == "basic"
    pricing.edit("price_a", PREMIUM)
    held = (await world.entitlements.validate(ANN, ASKED)).entitlement
    assert (held.tier, held.features) == ("premium", ("builds", "site"))
    pricing.unpriced["shop/free"] = Sold("shop/free", nothing(), terms=Terms("Free", "", ("wiki",)))
    pricing.version += "+"
    held = (await world.entitlements.validate(ANN, ASKED)).entitlement
    assert held.features == ("builds", "wiki")


async def test_a_plan_is_offered_by_the_version_in_force(world: World, pricing: Counting) -> None:
    assert (await world.entitlements.validate(ANN, WANTED)).upgrade is None
    pricing.edit("price_top", Terms("Top", "enterprise"))
    for _ in range(2):
        offered = (await world.entitlements.validate(ANN, WANTED)).upgrade
        assert offered is not None
        assert offered.plan.name == "shop/top"


async def test_a_subscription_that_changed_is_seen_at_once(world: World, pricing: Counting) -> None:
    sold = pricing.sold["price_a"]
    pricing.sold["price_a"] = replace(sold, on_unpaid=EndPolicy.FREE, on_end=EndPolicy.FREE)
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.plan == "shop/free"
    await hold(world)
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.plan == "shop/basic"
    over = seen("sub_ann", ProviderStatus.CANCELED, "cus_ann")
    await world.give(over, revision=2)
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.plan == "shop/free"


async def test_what_a_version_says_is_asked_once(world: World, pricing: Counting) -> None:
    await hold(world)
    await world.entitlements.validate(ANN, WANTED)
    assert {"expand shop/basic", "plan shop/free", "plans shop"} <= set(pricing.asked)
    pricing.asked.clear()
    for _ in range(2):
        await world.entitlements.validate(ANN, WANTED)
    assert pricing.asked == ["catalogs", "catalogs"]


async def test_terms_of_a_pricing_that_does_not_tell_its_version_are_asked_for_each_time(
    world: World, pricing: Counting
) -> None:
    await hold(world)
    pricing.tells_version = False
    pricing.asked.clear()
    for _ in range(2):
        await world.entitlements.validate(ANN, ASKED)
    assert pricing.asked.count("expand shop/basic") == 2


async def test_a_plan_that_a_version_does_not_know_any_more_is_asked_for_once_in_it(
    world: World, pricing: Counting
) -> None:
    await hold(world)
    gone = pricing.sold.pop("price_a")
    pricing.version += "+"
    pricing.asked.clear()
    for _ in range(3):
        held = (await world.entitlements.validate(ANN, ASKED)).entitlement
        assert (held.plan, held.tier) == ("shop/basic", "basic")
    assert pricing.asked.count("expand shop/basic") == 1
    pricing.sold["price_a"] = replace(gone, terms=PREMIUM)
    pricing.version += "+"
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.tier == "premium"


async def test_what_another_version_did_not_know_is_not_remembered_of_the_one_in_force(
    world: World, pricing: Counting
) -> None:
    await hold(world)
    gone = pricing.sold.pop("price_a")
    pricing.changes_after_catalogs = True
    await world.entitlements.validate(ANN, ASKED)
    pricing.changes_after_catalogs = False
    pricing.asked.clear()
    pricing.sold["price_a"] = replace(gone, terms=PREMIUM)
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.tier == "premium"
    assert pricing.asked.count("expand shop/basic") == 1


async def test_those_who_ask_together_are_read_by_one_statement_and_answered_each_for_itself(
    world: World, pricing: Counting
) -> None:
    await hold(world)
    await hold(world, "acme", "organization")
    acme = await account_of(world, AccountKind.ORGANIZATION, "acme")
    tx = world.tx
    assert isinstance(tx, CountingTransactions)
    tx.alone = 0
    pricing.asked.clear()
    by_name = replace(ASKED, account=acme.name)
    _first, ann, boss, stranger, named, refused = await asyncio.gather(
        world.entitlements.validate(ANN, ASKED),
        world.entitlements.validate(ANN, ASKED),
        world.entitlements.validate(BOSS, ASKED),
        world.entitlements.validate(STRANGER, ASKED),
        world.entitlements.validate(BOSS, by_name),
        world.entitlements.validate(STRANGER, by_name),
        return_exceptions=True,
    )
    # The first did not wait for the others.
    assert (tx.alone, pricing.asked.count("catalogs")) == (2, 2)
    assert isinstance(refused, PermissionDenied)
    kinds = []
    for answer in (ann, boss, stranger, named):
        assert not isinstance(answer, BaseException)
        account = answer.entitlement.account
        kinds.append(account.kind if account else None)
    assert kinds == [AccountKind.USER, AccountKind.ORGANIZATION, None, AccountKind.ORGANIZATION]


async def test_nothing_is_answered_from_memory_while_pricing_is_away(
    world: World, pricing: Counting
) -> None:
    await hold(world)
    await world.entitlements.validate(ANN, ASKED)
    pricing.down = True
    with pytest.raises(Unavailable):
        await world.entitlements.validate(ANN, ASKED)
    pricing.down = False
    assert (await world.entitlements.validate(ANN, ASKED)).entitlement.plan == "shop/basic"
