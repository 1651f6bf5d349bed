"""Begins a purchase, and says what became of it. The subscription comes with the money."""

from dataclasses import dataclass
from datetime import timedelta

from services.chassis.errors import NotFound, Unavailable, Violations
from services.chassis.identity import Principal
from services.subscription.auditing import Actor, Change, OnceScope
from services.subscription.domain import Account, AccountKind, LastPage, Subscription
from services.subscription.errors import (
    AccountHasSubscription,
    PlanNotSold,
    ProviderOff,
    UnknownCheckout,
)
from services.subscription.incoming import Customer
from services.subscription.lifecycle import RUNNING
from services.subscription.offers import CapacityKind, catalog_of, rivals
from services.subscription.ports import (
    BilledItem,
    Interval,
    Page,
    PageOrder,
    PageState,
    Plan,
    Provider,
    Quote,
    Selection,
    Store,
)
from services.subscription.purchasing import BuyRequest, Purchasing, Verified, check_url
from services.subscription.usecases.desk import Desk, Keys, first_answer, keys_of
from services.subscription.usecases.sight import changeable_account, is_member, sight_of

QUOTE_LIFETIME = timedelta(hours=2)
"""How long a page can be paid. A retry within the first 90 minutes still has the provider's least
time of 30 minutes left."""
_IDENTITIES = {
    AccountKind.USER: "user_id",
    AccountKind.ORGANIZATION: "organization",
    AccountKind.DID: "user_did",
}


@dataclass(frozen=True, slots=True)
class _Held:
    """What an account holds, and who it is at the providers."""

    subscriptions: tuple[Subscription, ...]
    customers: tuple[Customer, ...]

    def customer_at(self, provider: Provider) -> str:
        """Return the account's customer id at a provider, empty for none."""
        known = [
            customer.customer_id
            for customer in self.customers
            if (customer.provider, customer.provider_account) == (provider.name, provider.account)
        ]
        return known[0] if known else ""


async def create_subscription(
    desk: Desk, principal: Principal, request: BuyRequest, trace_id: str = ""
) -> Purchasing:
    """Quote a plan and have a payment page made for the quote.

    Asks pricing and payments between transactions, with keys derived from the request's own, so
    that a retry after a crash finds the same quote and the same page. See the contract for what is
    refused.
    """
    request.check()
    account = await desk.tx.run(
        lambda store: changeable_account(store, principal, desk.claim, request.account)
    )
    actor = Actor(principal.subject, trace_id)
    scope = OnceScope(
        actor.name, "CreateSubscription", request.request_id, request.request_hash, account.name
    )
    answered = await first_answer(desk.tx, scope)
    if answered is not None:
        return await _again(desk, account, answered)
    provider = await desk.payments.get_provider()
    if not provider.checkout:
        raise ProviderOff
    held = await desk.tx.run(lambda store: _held(store, account))
    plan = await _sellable(desk, held, request.plan)
    page = await _open_page(desk, account, request)
    if page is not None:
        await _record(desk, scope, actor, request.plan, page)
        return _purchasing(page)
    keys = keys_of(scope, desk.ids)
    selection = _selection(held, plan, request)
    quote = await desk.pricing.create_quote(
        account.name, selection, QUOTE_LIFETIME, keys.of("quote")
    )
    order = _page_order(account, request, quote, provider, held.customer_at(provider), keys)
    page = await desk.payments.create_checkout(order)
    # Payments may have given an open page back, which then is for a quote of its own.
    await desk.pricing.take_quote(page.quote, page.operation, paid=True)
    await _record(desk, scope, actor, request.plan, page)
    return _purchasing(page)


async def _open_page(desk: Desk, account: Account, request: BuyRequest) -> Page | None:
    """Return the account's last page if it is open and was made for the same, None if not."""
    last = await desk.tx.run(lambda store: store.last_page(account.name))
    if last is None or last.ask_hash != request.request_hash:
        return None
    try:
        page = await desk.payments.get_checkout(account.name, last.checkout_id)
    except NotFound:
        return None
    return page if page.state is PageState.OPEN else None


async def _held(store: Store, account: Account) -> _Held:
    holdings = await store.holdings(account)
    return _Held(tuple(holdings.subscriptions), tuple(await store.customers(account.name)))


async def _sellable(desk: Desk, held: _Held, plan_name: str) -> Plan:
    """Return the plan, unless the account holds something that leaves no room for it."""
    plan = await desk.pricing.get_plan(plan_name)
    if plan.kind is None:
        # A newer pricing than this version: what it would provision is not known here.
        raise Unavailable(f"{plan_name} cannot be sold by this version yet.")
    for sub in held.subscriptions:
        if _in_the_way(sub, plan.kind):
            raise AccountHasSubscription(sub.name, sub.offer.plan)
    return plan


def _in_the_way(sub: Subscription, kind: CapacityKind) -> bool:
    """Tell whether it leaves no room. What was given by hand rests instead."""
    bought = sub.begin_time is not None and sub.assignment is None
    return bought and sub.state in RUNNING and rivals(sub.offer.capacity.kind, kind)


def _selection(held: _Held, plan: Plan, request: BuyRequest) -> Selection:
    """Return what is to be priced; a trial only where the plan has one, and once a catalog."""
    catalog = catalog_of(request.plan)
    had_trial = any(
        sub.trial_end_time is not None and sub.offer.catalog == catalog
        for sub in held.subscriptions
    )
    return Selection(
        plan=request.plan,
        addons=request.addons,
        currency=request.currency,
        interval=request.interval,
        trial=request.trial and plan.trial_days > 0 and not had_trial,
    )


def _page_order(
    account: Account,
    request: BuyRequest,
    quote: Quote,
    provider: Provider,
    customer_id: str,
    keys: Keys,
) -> PageOrder:
    named = bool(account.external_id)
    return PageOrder(
        account=account.name,
        identity={_IDENTITIES[account.kind]: account.external_id} if named else {},
        email=account.email,
        items=_items(quote, provider),
        recurring=quote.interval is not Interval.ONCE,
        quote=quote.name,
        subtotal=quote.amount,
        expire_time=quote.expire_time,
        success_url=request.success_url,
        cancel_url=request.cancel_url,
        trial_days=quote.trial_days,
        promotion_code=request.promotion_code,
        customer_id=customer_id,
        request_id=keys.of("checkout"),
    )


def _items(quote: Quote, provider: Provider) -> list[BilledItem]:
    items = []
    for line in quote.lines:
        price = line.provider_prices.get(provider.name)
        if not price:
            raise PlanNotSold(line.subject)
        items.append(BilledItem(price, line.quantity))
    return items


async def _record(desk: Desk, scope: OnceScope, actor: Actor, plan: str, page: Page) -> None:
    details = (("plan", plan), ("quote", page.quote), ("checkout", page.checkout_id))

    async def act(store: Store) -> None:
        async def produce() -> str:
            change = Change(actor, "subscription.buy", scope.account, "ASKED_FOR", details)
            await store.audit(change)
            last = LastPage(scope.request_hash, page.quote, page.checkout_id)
            await store.save_page(scope.account, last)
            return page.checkout_id

        await store.once(scope, produce)

    await desk.tx.run(act)


async def _again(desk: Desk, account: Account, checkout_id: str) -> Purchasing:
    """Answer as the first time; the URL is never stored, so it is fetched again."""
    return _purchasing(await desk.payments.get_checkout(account.name, checkout_id))


def _purchasing(page: Page) -> Purchasing:
    return Purchasing(page.quote, page.checkout_id, page.url, page.expire_time, page.subtotal)


async def verify_checkout(
    desk: Desk, principal: Principal, account_name: str, checkout_id: str
) -> Verified:
    """Say what became of a payment page of the own account, asking the provider.

    InvalidArgument without an account or a page; UnknownCheckout also for another account's page.
    Every member of an organization may ask.
    """
    bad = Violations()
    if not account_name:
        bad.add("account", "expected the account that the page was made for")
    if not checkout_id:
        bad.add("checkout_id", "expected the provider's id of the page")
    bad.raise_if_any()

    async def read(store: Store) -> tuple[Account, tuple[Subscription, ...]]:
        account = await store.account(account_name)
        if account is None or not _may_ask(principal, desk.claim, account):
            raise UnknownCheckout(checkout_id)
        return account, tuple((await store.holdings(account)).subscriptions)

    account, subscriptions = await desk.tx.run(read)
    try:
        page = await desk.payments.get_checkout(account.name, checkout_id)
    except NotFound as refusal:
        raise UnknownCheckout(checkout_id) from refusal
    verified = page.state is PageState.COMPLETE and page.paid
    for sub in subscriptions:
        if _bought_by(sub, page):
            return Verified(verified, sub.state, sub.offer.plan)
    return Verified(verified)


def _may_ask(principal: Principal, claim: str, account: Account) -> bool:
    return sight_of(principal, claim).includes(account) or is_member(principal, account)


def _bought_by(sub: Subscription, page: Page) -> bool:
    key = sub.key
    if key.checkout_id:
        return key.checkout_id == page.checkout_id
    return not key.assignment and key.provider_subscription_id == page.provider_subscription_id


async def create_portal_session(
    desk: Desk, principal: Principal, account_name: str, return_url: str
) -> str:
    """Return a URL of the provider's portal; FailedPrecondition NO_CUSTOMER or PROVIDER_OFF."""
    bad = Violations()
    check_url(bad, "return_url", return_url)
    bad.raise_if_any()
    account = await desk.tx.run(
        lambda store: changeable_account(store, principal, desk.claim, account_name)
    )
    provider = await desk.payments.get_provider()
    held = await desk.tx.run(lambda store: _held(store, account))
    return await desk.payments.portal(account.name, return_url, held.customer_at(provider))
