"""Changes and ends at the provider, and plans that are too small for what is in use."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.chassis.errors import (
    Aborted,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Refusal,
    Unavailable,
)
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.identity import Principal
from services.chassis.money import Money
from services.subscription.domain import AccountKind, State, Subscription
from services.subscription.incoming import Item, Payer, ProviderStatus
from services.subscription.offers import AddonQuantity, Terms
from services.subscription.ports import EndMode, Interval
from services.subscription.usecases import cancel_subscription, update_subscription
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_pricing import organization
from tests.fakes.subscription_world import (
    START,
    Catalog,
    Sold,
    SteadyClock,
    World,
    checkout,
    customer,
    memory_world,
    seen,
)
from tests.unit.subscription.people import ANN, BOSS, GUEST, STRANGER, WORKER, cancel, update

EUR = Money("eur", 900)
MORE = AddonQuantity("dc/more", 1)


def pools() -> Catalog:
    """Return three pools of an organization, an add-on, and plans that cannot be changed to."""
    small = organization("4", "8Gi")
    return Catalog(
        price_small=Sold("dc/small", small, terms=Terms("Small", "basic")),
        price_large=Sold("dc/large", organization("8", "24Gi"), terms=Terms("Large", "premium")),
        price_large_year=Sold(
            "dc/large", organization("8", "24Gi"), interval=Interval.YEAR, terms=Terms("Large")
        ),
        price_more=Sold(addon="dc/more"),
        price_gone=Sold(addon="dc/gone", on_sale=False),
        price_euro=Sold("dc/euro", small, amount=EUR),
        price_hidden=Sold("dc/hidden", small, on_sale=False),
        price_other=Sold("shop/basic"),
    )


@pytest.fixture
def db() -> MemoryDatabase:
    return MemoryDatabase(SteadyClock())


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db, pools())


async def hold(
    world: World, price: str = "price_large", addons: Sequence[Item] = ()
) -> Subscription:
    """Let the organization acme hold a plan."""
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    items = (Item(price, 1), *addons)
    await world.give(replace(checkout("cs_1", sub="sub_1"), payer=payer, items=items))
    await world.give(replace(seen(), payer=payer, items=items), revision=1)
    [sub] = await world.subscriptions()
    return sub


def billed(world: World) -> list[tuple[str, int]]:
    """Return what the provider was last told to bill."""
    _, items = list(world.shop.changes.values())[-1]
    return [(item.price_id, item.quantity) for item in items]


async def test_another_plan_is_billed_by_the_same_currency_and_interval(
    world: World, db: MemoryDatabase
) -> None:
    sub = await hold(world, "price_small")
    asked = await update_subscription(world.desk, BOSS, update(sub.name, "dc/large"), "trace")
    assert billed(world) == [("price_large", 1)]
    assert (asked.offer.plan, asked.offer.terms.display_name) == ("dc/large", "Large")
    assert asked.state is State.ACTIVE
    [known] = await world.subscriptions()
    assert known.offer.plan == "dc/small"
    [line] = [one for one in db.committed(AUDIT).values() if one.action == "subscription.update"]
    assert (line.actor.name, line.object, dict(line.details)["plan"]) == (
        "boss",
        sub.name,
        "dc/large",
    )


async def test_add_ons_are_replaced_and_what_is_held_keeps_its_price(world: World) -> None:
    sub = await hold(world, addons=[Item("price_gone", 2)])
    kept = (AddonQuantity("dc/gone", 3), MORE)
    asked = await update_subscription(world.desk, BOSS, update(sub.name, addons=kept))
    assert billed(world) == [("price_large", 1), ("price_gone", 3), ("price_more", 1)]
    assert asked.offer.addons == kept
    world.cluster.used["acme"] = {"cpu": "1"}
    asked = await update_subscription(world.desk, BOSS, update(sub.name, addons=()))
    assert (billed(world), asked.offer.addons) == ([("price_large", 1)], ())


@pytest.mark.parametrize(
    ("plan", "addons", "reason"),
    [
        ("dc/euro", None, "NOT_SOLD_IN_CURRENCY"),
        ("dc/hidden", None, "PLAN_NOT_SOLD"),
        ("dc/nothing", None, "UNKNOWN_PLAN"),
        ("", (AddonQuantity("dc/gone", 1),), "PLAN_NOT_SOLD"),
        ("", (AddonQuantity("dc/what", 1),), "UNKNOWN_ADDON"),
        ("shop/basic", None, "INVALID_FIELDS"),
        ("", (AddonQuantity("dc/more", 1001),), "INVALID_FIELDS"),
    ],
)
async def test_what_cannot_be_bought_is_refused_and_nothing_is_changed(
    world: World, plan: str, addons: tuple[AddonQuantity, ...] | None, reason: str
) -> None:
    sub = await hold(world)
    with pytest.raises(Refusal) as caught:
        await update_subscription(world.desk, BOSS, update(sub.name, plan, addons=addons))
    assert caught.value.reason == reason
    assert world.shop.changes == {}


async def test_a_plan_below_what_is_used_is_refused_naming_each_resource(world: World) -> None:
    sub = await hold(world)
    world.cluster.used["acme"] = {"cpu": "4500m", "memory": "12Gi", "public_ips": "3"}
    with pytest.raises(FailedPrecondition) as caught:
        await update_subscription(world.desk, BOSS, update(sub.name, "dc/small"))
    assert caught.value.reason == "USAGE_EXCEEDS_PLAN"
    assert caught.value.metadata == {"cpu": "4500m > 4", "memory": "12Gi > 8Gi"}
    world.cluster.used["acme"] = {"cpu": "4", "memory": "8192Mi"}
    await update_subscription(world.desk, BOSS, update(sub.name, "dc/small"))
    assert billed(world) == [("price_small", 1)]


async def test_more_is_never_refused_for_what_is_over_its_limit_already(world: World) -> None:
    sub = await hold(world, "price_small")
    world.cluster.refusal = Unavailable("gone")
    await update_subscription(world.desk, BOSS, update(sub.name, "dc/large"))
    assert billed(world) == [("price_large", 1)]


@pytest.mark.parametrize("refusal", [Unavailable("gone"), DeadlineExceeded("late")])
async def test_usage_that_cannot_be_asked_for_is_never_guessed(
    world: World, refusal: Refusal
) -> None:
    sub = await hold(world)
    world.cluster.refusal = refusal
    with pytest.raises(Unavailable):
        await update_subscription(world.desk, BOSS, update(sub.name, "dc/small"))
    assert world.shop.changes == {}


@pytest.mark.parametrize(
    "refusal",
    [NotFound("none"), FailedPrecondition("no such kind", reason="ORGANIZATIONS_NOT_SERVED")],
)
async def test_where_there_is_no_organization_nothing_is_in_use(
    world: World, refusal: Refusal
) -> None:
    sub = await hold(world)
    world.cluster.refusal = refusal
    await update_subscription(world.desk, BOSS, update(sub.name, "dc/small"))
    assert billed(world) == [("price_small", 1)]


async def test_saying_what_it_would_be_changes_nothing(world: World) -> None:
    sub = await hold(world, "price_small")
    request = update(sub.name, "dc/large", key="r1", only_say=True)
    asked = await update_subscription(world.desk, BOSS, request)
    assert asked.offer.plan == "dc/large"
    assert world.shop.changes == {}
    await update_subscription(world.desk, BOSS, update(sub.name, "dc/large", key="r1"))
    assert len(world.shop.changes) == 1


async def test_the_same_key_changes_once_and_answers_as_the_first_time(world: World) -> None:
    sub = await hold(world, "price_small")
    request = update(sub.name, "dc/large", addons=(MORE,), key="r1")
    first = await update_subscription(world.desk, BOSS, request)
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_small")
    await world.give(replace(gone, payer=payer), revision=2)
    again = await update_subscription(world.desk, BOSS, request)
    assert len(world.shop.changes) == 1
    assert (again.offer.plan, again.offer.addons) == (first.offer.plan, first.offer.addons)
    assert again.offer.terms.display_name == "Large"
    with pytest.raises(IdempotencyConflict):
        await update_subscription(world.desk, BOSS, update(sub.name, "dc/small", key="r1"))


async def test_units_are_added_once_for_a_key_and_taken_off_down_to_none(world: World) -> None:
    sub = await hold(world, addons=[Item("price_more", 2)])
    added = update(sub.name, units=(("dc/more", 1),), key="one-more")
    for _ in range(2):
        changed = await update_subscription(world.desk, BOSS, added)
        assert changed.offer.addons == (AddonQuantity("dc/more", 3),)
    assert len(world.shop.changes) == 1
    assert billed(world) == [("price_large", 1), ("price_more", 3)]
    with pytest.raises(InvalidArgument, match="together"):
        await update_subscription(world.desk, BOSS, update(sub.name, units=(("dc/more", 999),)))
    none = await update_subscription(world.desk, BOSS, update(sub.name, units=(("dc/more", -3),)))
    assert none.offer.addons == ()
    with pytest.raises(NotFound) as refused:
        await update_subscription(world.desk, BOSS, update(sub.name, units=(("dc/more", -3),)))
    assert refused.value.reason == "ADDON_NOT_HELD"


async def test_a_unit_added_before_the_last_one_was_heard_of_is_added_to_it(world: World) -> None:
    sub = await hold(world, addons=[Item("price_more", 1)])
    for quantity in (2, 3):
        more = update(sub.name, units=(("dc/more", 1),), key=f"r{quantity}")
        for _ in range(2):
            asked = await update_subscription(world.desk, BOSS, more)
            assert asked.offer.addons == (AddonQuantity("dc/more", quantity),)
    assert billed(world) == [("price_large", 1), ("price_more", 3)]
    assert len(world.shop.changes) == 2


async def test_a_plan_that_is_changed_keeps_the_add_on_that_was_just_added(world: World) -> None:
    sub = await hold(world, "price_small")
    await update_subscription(world.desk, BOSS, update(sub.name, addons=(MORE,)))
    asked = await update_subscription(world.desk, BOSS, update(sub.name, "dc/large"))
    assert (asked.offer.plan, asked.offer.addons) == ("dc/large", (MORE,))
    assert billed(world) == [("price_large", 1), ("price_more", 1)]


async def test_a_change_that_others_always_overtake_is_given_up(world: World) -> None:
    sub = await hold(world, addons=[Item("price_more", 1)])

    def overtake(step: str) -> None:
        if step == "change":
            seen_now, revision = world.shop.states["sub_1"]
            more = Item("price_more", seen_now.items[-1].quantity + 1)
            items = (*seen_now.items[:-1], more)
            world.shop.states["sub_1"] = (replace(seen_now, items=items), revision + 1)

    world.shop.fault = overtake
    with pytest.raises(Aborted) as refused:
        await update_subscription(world.desk, BOSS, update(sub.name, units=(("dc/more", 1),)))
    assert refused.value.reason == "SUBSCRIPTION_CHANGED"
    assert world.shop.changes == {}


async def test_a_retry_after_a_lost_answer_reaches_the_same_change(world: World) -> None:
    sub = await hold(world, "price_small")

    def lose(step: str) -> None:
        if step == "change made":
            raise Unavailable("lost")

    world.shop.fault = lose
    request = update(sub.name, "dc/large", key="r1")
    with pytest.raises(Unavailable):
        await update_subscription(world.desk, BOSS, request)
    world.shop.fault = lambda _: None
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    changed = replace(seen(price="price_large"), payer=payer)
    await world.give(changed, revision=2)
    await update_subscription(world.desk, BOSS, request)
    assert len(world.shop.changes) == 1


async def test_one_unit_more_asked_for_again_after_the_provider_told_of_it_is_the_same_change(
    world: World,
) -> None:
    sub = await hold(world, addons=[Item("price_more", 1)])

    def lose(step: str) -> None:
        if step == "change made":
            raise Unavailable("lost")

    world.shop.fault = lose
    request = update(sub.name, units=(("dc/more", 1),), key="r1")
    with pytest.raises(Unavailable):
        await update_subscription(world.desk, BOSS, request)
    world.shop.fault = lambda _: None
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    items = (Item("price_large", 1), Item("price_more", 2))
    await world.give(replace(seen(), payer=payer, items=items), revision=2)
    asked = await update_subscription(world.desk, BOSS, request)
    assert asked.offer.addons == (AddonQuantity("dc/more", 2),)
    assert billed(world) == [("price_large", 1), ("price_more", 2)]
    assert len(world.shop.changes) == 1


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (WORKER, PermissionDenied),
        (GUEST, PermissionDenied),
        (STRANGER, NotFound),
        (ANN, NotFound),
    ],
)
async def test_only_the_admin_changes_and_ends(
    world: World, who: Principal, kind: type[Refusal]
) -> None:
    sub = await hold(world)
    with pytest.raises(kind):
        await update_subscription(world.desk, who, update(sub.name, "dc/small"))
    with pytest.raises(kind):
        await cancel_subscription(world.desk, who, cancel(sub.name))
    with pytest.raises(NotFound):
        await cancel_subscription(world.desk, BOSS, cancel("tsub_none"))
    assert (world.shop.changes, world.shop.ends) == ({}, {})


async def test_what_is_over_is_neither_changed_nor_ended(world: World) -> None:
    sub = await hold(world)
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_large")
    await world.give(replace(gone, payer=payer), revision=2)
    for act in (
        update_subscription(world.desk, BOSS, update(sub.name, "dc/small")),
        cancel_subscription(world.desk, BOSS, cancel(sub.name, EndMode.RESUME)),
    ):
        with pytest.raises(FailedPrecondition) as caught:
            await act
        assert caught.value.reason == "SUBSCRIPTION_OVER"


async def test_what_a_single_payment_bought_has_nothing_to_change(world: World) -> None:
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    await world.give(replace(checkout("cs_1", price="price_large"), payer=payer))
    [sub] = await world.subscriptions()
    with pytest.raises(FailedPrecondition) as caught:
        await cancel_subscription(world.desk, BOSS, cancel(sub.name))
    assert caught.value.reason == "NO_PROVIDER_SUBSCRIPTION"


async def test_an_order_tells_of_its_subscription_and_each_change_of_it_is_a_generation(
    world: World,
) -> None:
    await hold(world, addons=[Item("price_more", 2)])
    order = await world.order()
    told = order.holding
    assert told is not None
    assert (told.plan_display_name, told.provider_subscription_id, told.provider_customer_id) == (
        "Large",
        "sub_1",
        "cus_1",
    )
    assert (told.addons, told.state, told.begin_time) == (
        (AddonQuantity("dc/more", 2),),
        State.ACTIVE,
        START,
    )
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    ends = replace(seen(price="price_large", ends=True), payer=payer)
    await world.give(ends, revision=2)
    canceling = await world.order()
    assert canceling.generation == order.generation + 1
    assert canceling.holding is not None
    assert canceling.holding.state is State.CANCELING
    await world.give(replace(ends, period_end=None), revision=3)
    assert (await world.order()).generation == canceling.generation


async def test_an_account_of_a_person_is_not_held_to_a_cluster(world: World) -> None:
    payer = Payer(customer("cus_1"), identity=(("user_id", "ann"),))
    await world.give(replace(checkout("cs_1", price="price_large", sub="sub_1"), payer=payer))
    world.cluster.refusal = Unavailable("gone")
    [sub] = await world.subscriptions()
    assert (await world.accounts())[0].account.kind is AccountKind.USER
    await update_subscription(world.desk, ANN, update(sub.name, "dc/small"))
    assert billed(world) == [("price_small", 1)]


async def test_a_reason_that_is_too_long_is_refused(world: World) -> None:
    sub = await hold(world)
    with pytest.raises(InvalidArgument):
        await cancel_subscription(world.desk, BOSS, replace(cancel(sub.name), reason="x" * 256))
