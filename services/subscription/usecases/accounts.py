"""Makes and shows accounts."""

from dataclasses import replace

from services.chassis.errors import Violations
from services.chassis.identity import Principal
from services.chassis.ids import Ids
from services.chassis.paging import Page, page_size
from services.subscription.asking import (
    MAX_NAME,
    AccountRequest,
    AccountView,
    OutsideName,
    PageRequest,
)
from services.subscription.auditing import Actor, OnceScope
from services.subscription.cursors import in_time, time_token
from services.subscription.domain import Account
from services.subscription.errors import CustomerBound
from services.subscription.incoming import Customer
from services.subscription.noticing import month_of
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.owners import add_account, bind, in_lock_order
from services.subscription.usecases.settling import settle
from services.subscription.usecases.sight import require_may_create, sight_of, visible_account

MAX_CUSTOMERS = 10


async def create_account(
    tx: SubscriptionTransactions,
    ids: Ids,
    principal: Principal,
    claim: str,
    request: AccountRequest,
    trace_id: str = "",
) -> AccountView:
    """Make an account, or return the one that stands; bind its customers, apply what waited.

    InvalidArgument, NotYours, CustomerBound (nothing is done then), or IDEMPOTENCY_KEY_REUSED.
    """
    _check(request)
    require_may_create(
        principal, claim, request.kind, request.external_id, binds=bool(request.customers)
    )
    actor = Actor(principal.subject, trace_id)
    scope = OnceScope(actor.name, "CreateAccount", request.request_id, request.request_hash)

    async def act(store: Store) -> AccountView:
        name = await store.once(scope, lambda: _create(store, ids, request, actor))
        return await _view(store, await visible_account(store, sight_of(principal, claim), name))

    return await tx.run(act)


def _check(request: AccountRequest) -> None:
    bad = Violations()
    if not 1 <= len(request.external_id) <= MAX_NAME:
        bad.add("external_id", f"expected 1 to {MAX_NAME} characters")
    if len(request.email) > MAX_NAME:
        bad.add("email", f"expected at most {MAX_NAME} characters")
    if len(request.request_id) > MAX_NAME:
        bad.add("request_id", f"expected at most {MAX_NAME} characters")
    if len(request.customers) > MAX_CUSTOMERS:
        bad.add("customers", f"expected at most {MAX_CUSTOMERS}")
    for place, customer in enumerate(request.customers):
        if not (customer.provider and customer.provider_account and customer.customer_id):
            bad.add(f"customers[{place}]", "expected provider, provider_account and customer_id")
    bad.raise_if_any()


async def _create(store: Store, ids: Ids, request: AccountRequest, actor: Actor) -> str:
    owners = {}
    for customer in in_lock_order(request.customers):
        owners[customer] = await store.lock_customer(customer)
    wanted = Account(
        ids.new("acc"), request.kind, request.external_id, request.email, await store.now()
    )
    name = await add_account(store, wanted, actor, "ASKED_FOR")
    for customer, owner in owners.items():
        if owner and owner != name:
            raise CustomerBound(customer.customer_id)
        if not owner:
            await bind(store, customer, name, actor)
    account = await store.lock_account(name)
    if account is not None:
        await settle(store, account, actor)
    return name


async def _named(store: Store, whose: Customer | OutsideName) -> Account | None:
    if isinstance(whose, Customer):
        return await store.account(await store.owner_of(whose))
    return await store.account_named(*whose)


async def _view(store: Store, account: Account) -> AccountView:
    return AccountView(account, tuple(await store.customers(account.name)))


async def get_account(
    tx: SubscriptionTransactions, principal: Principal, claim: str, name: str
) -> AccountView:
    """Return one account and what its budgets say; UnknownAccount also if it may not be seen."""
    sight = sight_of(principal, claim)

    async def read(store: Store) -> AccountView:
        account = await visible_account(store, sight, name)
        notices = await store.budget_notices(account, month_of(await store.now()))
        return replace(await _view(store, account), notices=tuple(notices))

    return await tx.run(read)


async def list_accounts(
    tx: SubscriptionTransactions,
    principal: Principal,
    claim: str,
    page: PageRequest,
    whose: Customer | OutsideName | None = None,
) -> Page[AccountView]:
    """Return a page of the accounts that may be seen, or only the one of whom is named."""
    sight = sight_of(principal, claim)
    size, after = page_size(page.size), in_time(page.token)

    async def read(store: Store) -> Page[AccountView]:
        if whose is not None:
            owner = await _named(store, whose)
            found = [owner] if owner and sight.includes(owner) else []
            return Page([await _view(store, account) for account in found])
        found = list(await store.list_accounts(sight, after, size + 1))
        last = found[size - 1] if len(found) > size else None
        token = time_token(last.create_time, last.name) if last else ""
        return Page([await _view(store, account) for account in found[:size]], token)

    return await tx.run(read)
