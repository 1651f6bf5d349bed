"""What subscription asks: pages, the portal, changes, ends, refunds.

Each that moves something at the provider is an operation; see ``operations``.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.chassis.errors import Violations
from services.payments.binding import OperationKind
from services.payments.commerce import (
    AccountPage,
    BilledItem,
    EndMode,
    NewCheckout,
    Place,
    Refund,
    plain,
)
from services.payments.domain import AccountId, OperationId
from services.payments.errors import NoCustomer, UnknownCheckout
from services.payments.facts import Payer, SubscriptionState
from services.payments.operations import Asked, Selling, Task, begin, load, outcome
from services.payments.ports import Store
from services.payments.refunds import refund_of
from services.payments.views import SubscriptionView

SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)
_SLACK = timedelta(minutes=1)
"""How much the clocks of two services may differ."""
_PURCHASE, _BY_A_PERSON, _IN_THE_BACKGROUND = 9, 8, 4


async def create_checkout(selling: Selling, asked: Asked, wanted: NewCheckout) -> AccountPage:
    """Make a payment page, or give back the account's open page that was made for the same.

    Raises what the contract names. A replay is answered with its page as that is now.
    """
    # What is told about the customer only helps to make one: another e-mail asks for nothing else.
    task = Task(
        kind=OperationKind.CHECKOUT,
        ask=wanted.content,
        same={**wanted.sold, "expire_time": int(wanted.expire_time.timestamp())},
        quote=wanted.quote,
        priority=_PURCHASE,
    )
    operation_id = await begin(
        selling, asked, task, lambda: _check_expiry(wanted, selling.clock.now())
    )
    operation, answer = await outcome(selling, operation_id)
    if isinstance(answer, AccountPage):
        return answer
    return await _page(selling, await _place(selling, operation.id))


def _check_expiry(wanted: NewCheckout, now: datetime) -> None:
    lasts = wanted.expire_time - now
    if not SHORTEST - _SLACK <= lasts <= LONGEST + _SLACK:
        bad = Violations()
        bad.add("expire_time", "30 minutes to 24 hours from now")
        bad.raise_if_any()


async def _place(selling: Selling, operation_id: OperationId) -> Place:
    place = await selling.tx.run(lambda store: store.place(operation_id))
    if place is None:
        raise UnknownCheckout("That page is not known here.")
    return place


async def _page(selling: Selling, place: Place) -> AccountPage:
    return AccountPage(place, await selling.commerce.fetch_checkout(place.session_id))


async def get_checkout(selling: Selling, account_id: AccountId, checkout_id: str) -> AccountPage:
    """Return an account's page as the provider has it now. Raises UnknownCheckout."""
    home = selling.home
    place = await selling.tx.run(lambda store: store.place_of(*home, checkout_id))
    if place is None or place.account_id != account_id:
        raise UnknownCheckout("No such page was made for this account.")
    return await _page(selling, place)


async def create_portal_session(
    selling: Selling, account_id: AccountId, return_url: str, hint: str
) -> str:
    """Open the portal; returns its URL, which is stored nowhere. Raises NoCustomer.

    It makes nothing that lasts and moves no money, so it is no operation.
    """
    home = selling.home

    async def find(store: Store) -> str:
        known = await store.customer_of(account_id, *home)
        if known or not hint:
            return known
        owner = await store.account_of_customer(*home, hint)
        return hint if owner in ("", account_id) else ""

    customer_id = await selling.tx.run(find)
    if not customer_id:
        raise NoCustomer("The account has never bought anything by this payment provider.")
    return await selling.commerce.portal(customer_id, return_url)


async def change_subscription(
    selling: Selling,
    asked: Asked,
    subscription_id: str,
    items: Sequence[BilledItem],
    held: Sequence[BilledItem] = (),
) -> SubscriptionState:
    """Bill a subscription for other items from now on; returns it as the provider has it.

    Raises SubscriptionChanged if it is billed for something else than ``held`` when its turn comes.
    """
    same = {"subscription": subscription_id, "items": plain(items)}
    task = Task(
        OperationKind.CHANGE,
        {**same, "held": plain(held)},
        same,
        priority=_BY_A_PERSON,
        object=subscription_id,
        in_turn=True,
    )
    return await _changed(selling, asked, task, subscription_id)


async def end_subscription(
    selling: Selling, asked: Asked, subscription_id: str, mode: EndMode
) -> SubscriptionState:
    """End a subscription, or take a coming end back; returns it as the provider has it."""
    ask = {"subscription": subscription_id, "mode": mode.value}
    task = Task(OperationKind.END, ask, ask, priority=_BY_A_PERSON, object=subscription_id)
    return await _changed(selling, asked, task, subscription_id)


async def _changed(
    selling: Selling, asked: Asked, task: Task, subscription_id: str
) -> SubscriptionState:
    _, answer = await outcome(selling, await begin(selling, asked, task))
    if isinstance(answer, SubscriptionView):
        view = answer
    else:
        view = (await selling.commerce.standing(subscription_id)).view
    provider, provider_account = selling.home
    customer = view.customer
    payer = Payer(
        provider, provider_account, customer.id, customer.email, asked.account_id, customer.identity
    )
    return SubscriptionState(view, payer, 0)


async def refund_checkout(selling: Selling, asked: Asked, checkout_id: str, reason: str) -> Refund:
    """Give back what a checkout was paid with and end what it began. Raises NothingToRefund.

    Pages of ours are known, and those of others once their payment was seen.
    """
    account_id = await selling.tx.run(lambda store: _account_of(selling, store, checkout_id))
    ask = {"checkout": checkout_id, "reason": reason}
    task = Task(
        OperationKind.REFUND,
        ask,
        {"checkout": checkout_id},
        priority=_IN_THE_BACKGROUND,
        object=checkout_id,
    )
    return await _refunded(selling, replace(asked, account_id=account_id, reason=reason), task)


async def refund_subscription(
    selling: Selling, asked: Asked, subscription_id: str, paid_since: datetime, reason: str
) -> Refund:
    """End a subscription now and give back what was collected for it since a whole second.

    Returns the first refund with the amount of all; without an id if there was nothing to give
    back. Raises UnknownSubscription.
    """
    same = {"subscription": subscription_id, "paid_since": int(paid_since.timestamp())}
    task = Task(
        OperationKind.REFUND_SUBSCRIPTION,
        {**same, "reason": reason},
        same,
        priority=_IN_THE_BACKGROUND,
        object=subscription_id,
    )
    return await _refunded(selling, replace(asked, reason=reason), task)


async def _refunded(selling: Selling, asked: Asked, task: Task) -> Refund:
    operation, answer = await outcome(selling, await begin(selling, asked, task))
    if isinstance(answer, Refund):
        return answer
    return refund_of((await load(selling, operation.id)).result)


async def _account_of(selling: Selling, store: Store, checkout_id: str) -> AccountId:
    provider, provider_account = selling.home
    place = await store.place_of(provider, provider_account, checkout_id)
    if place is not None:
        return place.account_id
    fact_id = Payer(provider, provider_account, "").fact_id("checkout", checkout_id)
    if not await store.fact_recorded(fact_id):
        raise UnknownCheckout(f"No payment of {checkout_id} was ever seen.")
    return AccountId("")
