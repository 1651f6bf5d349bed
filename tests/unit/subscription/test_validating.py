"""What somebody may do: tiers, features, free plans, and what would be enough."""

from dataclasses import replace

import pytest

from services.chassis.errors import InvalidArgument, NotFound, PermissionDenied
from services.chassis.identity import Principal
from services.chassis.money import Money
from services.subscription.domain import AccountKind, State
from services.subscription.entitlement import Lack, ValidateRequest, Validation
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.offers import EndPolicy, Terms
from services.subscription.ports import Interval
from tests.fakes.subscription_world import (
    ADMIN,
    START,
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
from tests.unit.subscription.people import ANN, BOSS, GUEST, STRANGER, WORKER, account_of


def tiers() -> Catalog:
    """Return a catalog with a free plan and paid ones, and another without a free plan."""
    free = EndPolicy.FREE
    found = Catalog(
        price_premium=Sold(
            "shop/premium",
            on_unpaid=free,
            on_end=free,
            amount=Money("usd", 2900),
            terms=Terms("Premium", "premium", ("builds", "mail")),
        ),
        price_top=Sold("shop/top", amount=Money("usd", 9900), terms=Terms("Top", "enterprise")),
        price_top_year=Sold(
            "shop/top",
            amount=Money("usd", 36000),
            interval=Interval.YEAR,
            terms=Terms("Top", "enterprise"),
        ),
        price_yearly=Sold(
            "shop/yearly",
            amount=Money("usd", 126000),
            interval=Interval.YEAR,
            terms=Terms("Yearly", "enterprise", ("builds",)),
        ),
        price_secret=Sold(
            "shop/secret",
            amount=Money("usd", 1),
            on_sale=False,
            terms=Terms("Secret", "enterprise", ("builds", "mail")),
        ),
        price_dc=Sold("dc/pool", namespace(9), terms=Terms("Pool", "basic", ("pods",))),
        price_note=Sold("dc/note", nothing(), terms=Terms("Note", "enterprise", ("notes",))),
    )
    found.unpriced["shop/free"] = Sold(
        "shop/free", nothing(), terms=Terms("Free", "basic", ("site",))
    )
    found.free_plans["shop"] = "shop/free"
    return found


@pytest.fixture
def world() -> World:
    return memory_world(pricing=tiers())


async def hold(world: World, price: str, *, key: str = "user_id", name: str = "ann") -> None:
    """Let somebody hold what a price stands for."""
    payer = Payer(customer(f"cus_{name}"), identity=((key, name),))
    sub = f"sub_{name}_{price}"
    await world.give(replace(checkout(f"cs_{sub}", price=price, sub=sub), payer=payer))
    await world.give(replace(seen(sub, price=price), payer=payer), revision=1)


async def now(
    world: World, price: str, status: ProviderStatus, *, ends: bool = False, name: str = "ann"
) -> None:
    """Let the provider say where a subscription stands."""
    told = seen(f"sub_{name}_{price}", status, f"cus_{name}", price=price, ends=ends)
    await world.give(told, revision=2)


async def ask(
    world: World,
    tier: str = "",
    *features: str,
    who: Principal = ANN,
    catalog: str = "shop",
    account: str = "",
) -> Validation:
    """Ask whether somebody holds a tier and features."""
    request = ValidateRequest(account, tier, features, catalog)
    return await world.entitlements.validate(who, request)


async def test_who_has_no_account_holds_the_free_plan(world: World) -> None:
    found = await ask(world, "basic", "site")
    held = found.entitlement
    assert (found.lack, held.account, held.tier, held.plan) == (None, None, "basic", "shop/free")
    assert (held.features, held.next_billing_time, held.state) == (("site",), None, None)


async def test_the_highest_tier_and_every_feature_in_force_count_together(world: World) -> None:
    await hold(world, "price_note")
    await hold(world, "price_dc")
    found = await ask(world, "enterprise", "pods", "notes", "site")
    held = found.entitlement
    assert found.lack is None
    assert (held.tier, held.plan, held.features) == (
        "enterprise",
        "dc/note",
        ("notes", "pods", "site"),
    )
    assert (held.state, held.next_billing_time is not None) == (State.ACTIVE, True)
    assert held.remaining_credits == 0


@pytest.mark.parametrize(
    ("status", "ends", "tier", "billed"),
    [
        (ProviderStatus.ACTIVE, False, "premium", True),
        (ProviderStatus.TRIALING, False, "premium", True),
        (ProviderStatus.PAST_DUE, False, "premium", True),
        (ProviderStatus.ACTIVE, True, "premium", False),
        (ProviderStatus.UNPAID, False, "basic", False),
        (ProviderStatus.PAUSED, False, "basic", False),
        (ProviderStatus.CANCELED, False, "basic", False),
    ],
)
async def test_only_what_is_in_force_entitles_and_a_failed_payment_alone_changes_no_tier(
    world: World, status: ProviderStatus, ends: bool, tier: str, billed: bool
) -> None:
    await hold(world, "price_premium")
    await now(world, "price_premium", status, ends=ends)
    held = (await ask(world)).entitlement
    assert (held.tier, held.next_billing_time is not None) == (tier, billed)


async def test_who_falls_back_holds_the_free_plan_of_the_catalog_that_was_left(
    world: World,
) -> None:
    await hold(world, "price_premium")
    await now(world, "price_premium", ProviderStatus.CANCELED)
    held = (await ask(world, catalog="dc")).entitlement
    assert (held.plan, held.features) == ("shop/free", ("site",))


async def test_terms_are_those_of_the_newest_version(world: World) -> None:
    await hold(world, "price_premium")
    sold = world.pricing.sold["price_premium"]
    newest = replace(sold, terms=Terms("Premium", "enterprise", ("builds", "new")))
    world.pricing.sold["price_premium"] = newest
    world.pricing.version = "v2"
    held = (await ask(world)).entitlement
    assert (held.tier, held.features) == ("enterprise", ("builds", "new", "site"))
    del world.pricing.sold["price_premium"]
    world.pricing.version = "v3"
    held = (await ask(world)).entitlement
    assert (held.tier, held.features) == ("premium", ("builds", "mail", "site"))


@pytest.mark.parametrize(
    ("status", "tier", "features", "lack", "message"),
    [
        (
            None,
            "premium",
            (),
            Lack.SUBSCRIPTION_REQUIRED,
            "This needs a subscription with the tier premium or higher.",
        ),
        (
            ProviderStatus.UNPAID,
            "premium",
            ("mail",),
            Lack.SUBSCRIPTION_SUSPENDED,
            (
                "This needs the tier premium or higher and the feature mail, "
                "and the subscription that gives it is suspended."
            ),
        ),
        (
            ProviderStatus.UNPAID,
            "enterprise",
            (),
            Lack.SUBSCRIPTION_REQUIRED,
            "This needs a subscription with the tier enterprise or higher.",
        ),
        (
            ProviderStatus.ACTIVE,
            "enterprise",
            ("pods",),
            Lack.TIER_TOO_LOW,
            (
                "This needs the tier enterprise or higher and the feature pods; "
                "held is the tier premium."
            ),
        ),
        (
            ProviderStatus.ACTIVE,
            "basic",
            ("pods", "cranes", "mail"),
            Lack.FEATURE_MISSING,
            "This needs the features cranes, pods; held is the tier premium.",
        ),
    ],
)
async def test_what_is_lacking_is_said_with_its_reason(
    world: World,
    status: ProviderStatus | None,
    tier: str,
    features: tuple[str, ...],
    lack: Lack,
    message: str,
) -> None:
    if status is not None:
        await hold(world, "price_premium")
        await now(world, "price_premium", status)
    found = await ask(world, tier, *features)
    assert (found.lack, found.message) == (lack, message)


@pytest.mark.parametrize(
    ("tier", "features", "plan", "amount", "interval"),
    [
        ("premium", ("mail",), "shop/premium", 2900, Interval.MONTH),
        ("enterprise", (), "shop/top", 9900, Interval.MONTH),
        ("enterprise", ("builds",), "shop/yearly", 126000, Interval.YEAR),
    ],
)
async def test_the_cheapest_plan_on_sale_that_is_enough_is_offered(
    world: World, tier: str, features: tuple[str, ...], plan: str, amount: int, interval: Interval
) -> None:
    upgrade = (await ask(world, tier, *features)).upgrade
    assert upgrade is not None
    assert (upgrade.plan.name, upgrade.price.amount.minor_units, upgrade.price.interval) == (
        plan,
        amount,
        interval,
    )


async def test_nothing_is_offered_that_would_not_do(world: World) -> None:
    found = await ask(world, "enterprise", "mail")
    assert (found.upgrade, found.missing) == (None, ("mail",))
    assert (await ask(world, "premium", catalog="")).upgrade is None
    assert (await ask(world, "basic")).upgrade is None


async def test_the_organization_entitles_every_member_and_what_satisfies_more_counts(
    world: World,
) -> None:
    await hold(world, "price_premium", key="organization", name="acme")
    for who in (BOSS, WORKER, GUEST):
        found = await ask(world, "premium", "builds", who=who)
        assert found.lack is None
        assert found.entitlement.account is not None
        assert found.entitlement.account.external_id == "acme"
    await hold(world, "price_top", name="worker")
    best = (await ask(world, "enterprise", who=WORKER)).entitlement.account
    assert best is not None
    assert best.kind is AccountKind.USER
    enough = (await ask(world, "premium", "builds", who=WORKER)).entitlement.account
    assert enough is not None
    assert enough.kind is AccountKind.ORGANIZATION
    assert (await ask(world, "premium", who=STRANGER)).lack is Lack.SUBSCRIPTION_REQUIRED


async def test_an_account_that_is_named_is_told_to_its_own_people_only(world: World) -> None:
    acme = await account_of(world, AccountKind.ORGANIZATION, "acme")
    for who in (BOSS, WORKER, GUEST, ADMIN, Principal("gateway", "service")):
        found = await ask(world, who=who, account=acme.name)
        assert found.entitlement.account == acme
    for who in (ANN, STRANGER):
        with pytest.raises(PermissionDenied):
            await ask(world, who=who, account=acme.name)
    with pytest.raises(NotFound):
        await ask(world, account="acc_none")


async def test_a_service_that_asks_for_nobody_hears_of_the_free_plan(world: World) -> None:
    found = await ask(world, "premium", who=Principal("gateway", "service"))
    assert (found.entitlement.plan, found.lack) == ("shop/free", Lack.SUBSCRIPTION_REQUIRED)


@pytest.mark.parametrize(
    ("tier", "features", "catalog", "field"),
    [
        ("gold", (), "shop", "required_tier"),
        ("", ("x",) * 101, "shop", "required_features"),
        ("", (), "nowhere", "catalog"),
    ],
)
async def test_what_nobody_can_hold_is_an_invalid_argument(
    world: World, tier: str, features: tuple[str, ...], catalog: str, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await ask(world, tier, *features, catalog=catalog)
    assert [bad.field for bad in caught.value.fields] == [field]


async def test_a_refused_purchase_entitles_to_nothing(world: World) -> None:
    await hold(world, "price_dc")
    payer = Payer(customer("cus_ann"))
    second = replace(checkout("cs_2", price="price_top", sub="sub_2", at=5), payer=payer)
    await world.give(second)
    assert (await ask(world)).entitlement.tier == "basic"
    assert second.pay_time > START
