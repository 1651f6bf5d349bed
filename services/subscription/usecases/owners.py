"""Whose a payment is: by what we wrote, by a known customer, or by a catalog that says so."""

from collections.abc import Sequence

from services.chassis.ids import Ids
from services.subscription.domain import (
    Account,
    AccountKind,
    Actor,
    Change,
    Offer,
    Reason,
)
from services.subscription.incoming import Customer, Payer
from services.subscription.ports import Store

_IDENTITIES = (
    ("user_id", AccountKind.USER),
    ("organization", AccountKind.ORGANIZATION),
    ("user_did", AccountKind.DID),
    ("hold_did", AccountKind.DID),
)
"""Keys of a customer's metadata that name an account, the first that is set counts."""


async def find_owner(
    store: Store, payer: Payer, actor: Actor, *, offer: Offer | None = None, ids: Ids
) -> str:
    """Return the name of the account that a payer belongs to, empty if nobody can say.

    Known bindings come first, then the account that an operation of ours wrote. An account is
    made only for ``offer``, what a paid checkout bought, and only where its catalog says so.
    """
    customer = payer.customer
    guest = not customer.customer_id
    if not guest:
        bound = await store.lock_customer(customer)
        if bound:
            return bound
    if payer.account_id:
        return await _written_owner(store, payer, actor)
    if guest or offer is None or not offer.creates_account:
        return ""
    account = await _account_of(store, payer, actor, ids)
    await bind(store, customer, account, actor)
    return account


async def _written_owner(store: Store, payer: Payer, actor: Actor) -> str:
    account = await store.account(payer.account_id)
    if account is None:
        return ""
    if payer.customer.customer_id:
        await bind(store, payer.customer, account.name, actor)
    return account.name


async def _account_of(store: Store, payer: Payer, actor: Actor, ids: Ids) -> str:
    """Return the account of who the customer's metadata names, or a new one."""
    kind, external_id = _named(payer)
    if external_id:
        known = await store.account_named(kind, external_id)
        if known is not None:
            return known.name
    account = Account(ids.new("acc"), kind, external_id, payer.email, await store.now())
    return await add_account(store, account, actor, "FOREIGN_CHECKOUT")


def _named(payer: Payer) -> tuple[AccountKind, str]:
    identity = dict(payer.identity)
    for key, kind in _IDENTITIES:
        if identity.get(key):
            return kind, identity[key]
    return AccountKind.USER, ""


async def add_account(store: Store, account: Account, actor: Actor, reason: str) -> str:
    """Add an account and return its name, or the name of the one that has its outside name."""
    if await store.add_account(account):
        details = (("kind", account.kind.value), ("external_id", account.external_id))
        await store.audit(Change(actor, "account.create", account.name, reason, details))
        return account.name
    known = await store.account_named(account.kind, account.external_id)
    assert known is not None, "an outside name that is taken has an account"  # noqa: S101
    return known.name


async def bind(store: Store, customer: Customer, account: str, actor: Actor) -> None:
    """Give a locked customer to an account; what waited for it is the account's from now on."""
    await store.bind_customer(customer, account)
    waited = await store.unpark(customer.waiting_key)
    details = (("customer", customer.waiting_key), ("facts", str(waited)))
    await store.audit(Change(actor, "customer.bind", account, "CUSTOMER_NAMED", details))


def why_unknown(payer: Payer) -> Reason:
    """Return why nobody can say whose a payment is."""
    if payer.account_id:
        return Reason.UNKNOWN_ACCOUNT
    return Reason.UNKNOWN_CUSTOMER if payer.customer.customer_id else Reason.GUEST_CHECKOUT


def in_lock_order(customers: Sequence[Customer]) -> Sequence[Customer]:
    """Return each customer once, in the order in which everybody locks them."""
    return sorted(set(customers))
