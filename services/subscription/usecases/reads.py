"""Shows subscriptions, purchases, orders and parked facts."""

from dataclasses import dataclass

from services.chassis.identity import Principal
from services.chassis.paging import Page, from_token, page_size, to_token
from services.subscription.asking import PageRequest
from services.subscription.cursors import in_time, time_token
from services.subscription.domain import (
    Observation,
    Order,
    ParkedFact,
    Purchase,
    PurchaseStatus,
    Subscription,
)
from services.subscription.errors import NoOrder
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.sight import require_operator, sight_of, visible_account


async def list_subscriptions(
    tx: SubscriptionTransactions, principal: Principal, claim: str, account: str, page: PageRequest
) -> Page[Subscription]:
    """Return a page of one account's subscriptions, or of all that may be seen; oldest first."""
    sight = sight_of(principal, claim)
    size, after = page_size(page.size), in_time(page.token)

    async def read(store: Store) -> Page[Subscription]:
        if account:
            await visible_account(store, sight, account)
        found = await store.list_subscriptions(sight, account, after, size + 1)
        last = found[size - 1] if len(found) > size else None
        return Page(found[:size], time_token(last.create_time, last.name) if last else "")

    return await tx.run(read)


async def list_purchases(
    tx: SubscriptionTransactions,
    principal: Principal,
    status: PurchaseStatus | None,
    page: PageRequest,
) -> Page[Purchase]:
    """Return a page of purchases, newest first. For operators."""
    require_operator(principal)
    size, before = page_size(page.size), in_time(page.token)

    async def read(store: Store) -> Page[Purchase]:
        found = await store.list_purchases(status, before, size + 1)
        last = found[size - 1] if len(found) > size else None
        return Page(found[:size], time_token(last.create_time, last.name) if last else "")

    return await tx.run(read)


async def list_parked_facts(
    tx: SubscriptionTransactions, principal: Principal, page: PageRequest
) -> Page[ParkedFact]:
    """Return a page of facts that wait, oldest first. For operators."""
    require_operator(principal)
    size = page_size(page.size)
    key = from_token(page.token, int)
    after = int(key[0]) if key else 0

    async def read(store: Store) -> Page[ParkedFact]:
        found = await store.list_parked(after, size + 1)
        token = to_token(found[size - 1][0]) if len(found) > size else ""
        return Page([fact for _, fact in found[:size]], token)

    return await tx.run(read)


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order, with what was last seen of its incarnation."""

    order: Order
    observation: Observation | None


async def get_capacity_order(
    tx: SubscriptionTransactions, principal: Principal, claim: str, account: str
) -> OrderView:
    """Return the order of the newest incarnation; UnknownAccount or NoOrder."""
    sight = sight_of(principal, claim)

    async def read(store: Store) -> OrderView:
        await visible_account(store, sight, account)
        orders = await store.orders(account)
        if not orders:
            raise NoOrder(account)
        newest = orders[-1]
        return OrderView(newest, await store.observation(account, newest.incarnation))

    return await tx.run(read)
