"""Plans that are given by hand, as the tests of them ask for them and pay beside them."""

from dataclasses import replace
from datetime import timedelta

from services.chassis.identity import Principal
from services.subscription.assigning import AssignRequest, EndRequest
from services.subscription.domain import AccountKind, Order, Subscription
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.offers import EndPolicy, Terms
from services.subscription.usecases import (
    assign_plan,
    end_assignment,
)
from tests.fakes.subscription_pricing import organization
from tests.fakes.subscription_world import (
    ADMIN,
    Catalog,
    Sold,
    World,
    checkout,
    customer,
    nothing,
    seen,
)
from tests.unit.subscription.people import account_of

WEEK = timedelta(days=7)


def pools() -> Catalog:
    """Return pools of an organization that nobody may buy, one that one may, and an entitlement."""
    small = Sold("dc/small", organization("4", "8Gi"), terms=Terms("Small", "basic"))
    kept = EndPolicy.SUSPEND_THEN_CANCEL
    return Catalog(
        price_small=small,
        price_large=replace(
            small,
            plan="dc/large",
            capacity=organization("8", "24Gi"),
            on_sale=False,
            on_end=kept,
            terms=Terms("Large", "premium", ("builds",)),
        ),
        price_more=Sold(addon="dc/more"),
        price_user=Sold("shop/basic"),
        price_tier=Sold("hold/tier", nothing(), terms=Terms("Tier", "enterprise")),
        price_other=replace(small, plan="other/pool"),
    )


async def give(world: World, request: AssignRequest, who: Principal = ADMIN) -> Subscription:
    return await assign_plan(world.desk, who, request, "trace")


async def take(world: World, request: EndRequest, who: Principal = ADMIN) -> Subscription:
    return await end_assignment(world.desk, who, request, "trace")


async def pays(world: World, price: str = "price_small", at: int = 5) -> None:
    """Let acme pay for a plan, so many minutes after the start."""
    payer = Payer(
        customer("cus_1"),
        account_id=(await account_of(world, AccountKind.ORGANIZATION, "acme")).name,
    )
    paid = replace(checkout(f"cs_{at}", price=price, sub=f"sub_{at}", at=at), payer=payer)
    await world.give(paid)
    await snapshot(world, at, payer=payer, price=price)


async def snapshot(
    world: World,
    at: int = 5,
    status: ProviderStatus = ProviderStatus.ACTIVE,
    *,
    payer: Payer | None = None,
    price: str = "price_small",
    revision: int = 1,
) -> None:
    """Tell how the provider's subscription stands."""
    ended = at + 1 if status is ProviderStatus.CANCELED else None
    shown = seen(f"sub_{at}", status, price=price, ended=ended)
    await world.give(replace(shown, payer=payer or shown.payer), revision=revision)


async def order(world: World, account: str) -> Order:
    return (await world.orders(account))[-1]
