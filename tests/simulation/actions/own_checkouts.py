"""Purchases through our own RPCs: an account, a quote, a page, and money or none."""

from random import Random
from typing import TYPE_CHECKING, Any

from services.chassis.identity import Principal
from tests.simulation.actions.action import admin_of, insist, person, think
from tests.simulation.actions.book import book_of
from tests.simulation.actions.debits import by_debit
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

if TYPE_CHECKING:
    from tests.simulation.world import World

_NO_ROOM = ("ACCOUNT_HAS_SUBSCRIPTION", "CHECKOUT_COMPLETED", "PROMOTION_CODE_INVALID")
_CODES = ("HALF", "GIFT", "FRIENDS", "STAFF", "UNHEARD-OF")
_PLANS = ("sessions/professional",) * 4 + ("hold/bosun",) * 2 + ("trials/team",)


async def account_of(
    world: "World",
    rng: Random,
    who: Principal,
    kind: "subscription_pb2.Account.Kind.ValueType",
    name: str,
) -> str:
    """Return somebody's account, made if need be; empty if they gave up."""
    book = book_of(world)
    request = pb.CreateAccountRequest(kind=kind, external_id=name, request_id=f"account {name}")
    calls: Any = world.call(who).subscription
    made = await insist(world, rng, lambda: calls.CreateAccount(request))
    if made is None:
        return ""
    account: str = made.account.name
    book.accounts[name] = account
    return account


async def buy(
    world: "World",
    rng: Random,
    who: Principal,
    account: str,
    plan: str,
    addons: tuple[tuple[str, int], ...] = (),
) -> str:
    """Ask for a page and return its id; empty if there is none for them.

    A few have a promotion code, which may be none that the shop gave out.
    """
    book = book_of(world)
    code = rng.choice(_CODES) if rng.random() < 0.1 else ""
    request = pb.CreateSubscriptionRequest(
        account=account,
        plan=plan,
        addons=[pricing_pb2.AddonQuantity(addon=name, quantity=count) for name, count in addons],
        interval=pricing_pb2.INTERVAL_MONTH,
        success_url="https://shop.example.com/done",
        cancel_url="https://shop.example.com/",
        promotion_code=code,
        trial=plan.startswith("trials/") and rng.random() < 0.8,
        request_id=book.somebody("buy"),
    )
    calls: Any = world.call(who).subscription
    answer = await insist(world, rng, lambda: calls.CreateSubscription(request), *_NO_ROOM)
    if answer is None:
        return ""
    page: str = answer.purchasing.checkout_id
    book.pages[page] = account
    return page


async def at_the_page(world: "World", rng: Random, page: str) -> None:
    """Do what people do at a payment page: pay, pay late, try a bad card, or leave."""
    if not page:
        return
    await think(world, rng)
    drawn = rng.random()
    if drawn < 0.08:
        return
    if drawn < 0.12:
        # Too late: the page is shut by then.
        await world.clock.sleep(3 * 3600.0)
    customer = world.shop.books.session(page).customer
    if 0.12 <= drawn < 0.2:
        world.shop.books.customers[customer].declines = True
        world.shop.counter.pay(page)
        await think(world, rng)
        world.shop.books.customers[customer].declines = False
    if drawn > 0.94:
        await by_debit(world, rng, page)
        return
    world.shop.counter.pay(page)


class OwnPurchase:
    """A person buys sessions, or a tier of a hold, with us."""

    name = "own purchase"
    weight = 20.0

    async def run(self, world: "World", rng: Random) -> None:
        """Make an account, ask for a page, go there; some click twice."""
        name = book_of(world).somebody("user")
        who = person(name)
        account = await account_of(world, rng, who, subscription_pb2.Account.KIND_USER, name)
        if not account:
            return
        plan = rng.choice(_PLANS)
        clicks = 2 if rng.random() < 0.15 else 1
        for click in range(clicks):
            chosen = plan if click == 0 or rng.random() < 0.5 else "sessions/professional"
            world.spawn(self._click(world, rng, who, account, chosen))
            await world.clock.sleep(rng.choice([0.0, 0.05, 2.0]))

    async def _click(
        self, world: "World", rng: Random, who: Principal, account: str, plan: str
    ) -> None:
        await at_the_page(world, rng, await buy(world, rng, who, account, plan))


class OrganizationPurchase:
    """An organization's admin buys a pool, perhaps with add-ons."""

    name = "organization purchase"
    weight = 8.0

    async def run(self, world: "World", rng: Random) -> None:
        """Make the organization in the cluster, an account, and go to the page."""
        book = book_of(world)
        name = book.somebody("org")
        projects = [f"p{number}" for number in range(rng.choice([0, 1, 2]))]
        late = rng.random() < 0.2
        if not late:
            world.cluster.organization(name, projects)
        who = admin_of(name)
        kind = subscription_pb2.Account.KIND_ORGANIZATION
        account = await account_of(world, rng, who, kind, name)
        if not account:
            return
        book.organizations.append(name)
        addons = (("kube-dc/turbo-x1", 1),) if rng.random() < 0.4 else ()
        plan = rng.choice(["kube-dc/dev-pool", "kube-dc/pro-pool", "trials/pool"])
        addons = addons if plan.startswith("kube-dc/") else ()
        page = await buy(world, rng, who, account, plan, addons)
        await at_the_page(world, rng, page)
        if late:
            world.cluster.organization(name, projects)
