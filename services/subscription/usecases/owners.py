"""Whose a payment is: by what we wrote, by a known customer, or by a catalog that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.ids import Ids
from services.subscription.auditing import Actor, Alert, Change
from services.subscription.domain import Account, AccountKind, Reason
from services.subscription.incoming import Customer, Payer
from services.subscription.offers import Offer
from services.subscription.ports import Store

CUSTOMER_DISAGREES = "CUSTOMER_DISAGREES"
_IDENTITIES = (
    ("user_id", AccountKind.USER),
    ("organization", AccountKind.ORGANIZATION),
    ("user_did", AccountKind.DID),
    ("hold_did", AccountKind.DID),
)
"""Keys of a customer's metadata that name an account, the first that is set counts."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that a payer belongs to, empty if nobody can say.

    ``bound`` is the account that the customer belongs to where that is another one.
    """

    account: str = ""
    bound: str = ""

    def disagreement(self, payer: Payer, subject: str) -> tuple[Alert, ...]:
        """Return what a person has to look at, if binding and operation disagree."""
        if not self.bound:
            return ()
        details = (
            ("customer", payer.customer.waiting_key),
            ("bound", self.bound),
            ("operation", self.account),
        )
        return (Alert(CUSTOMER_DISAGREES, subject, details),)


async def find_owner(
    store: Store, payer: Payer, actor: Actor, *, offer: Offer | None = None, ids: Ids
) -> Owner:
    """Return the account that a payer belongs to.

    The account that an operation of ours wrote comes first: it is what this very payment was made
    for. A customer that belongs to another account stays there, which is told. Then come known
    bindings. An account is made only for ``offer``, what a paid checkout bought, and only where
    its catalog says so.
    """
    customer = payer.customer
    guest = not customer.customer_id
    bound = "" if guest else await store.lock_customer(customer)
    if bound and bound == payer.account_id:
        return Owner(bound)
    written = await store.account(payer.account_id) if payer.account_id else None
    if written is not None:
        if not guest and not bound:
            await bind(store, customer, written.name, actor)
        return Owner(written.name, bound if bound != written.name else "")
    if bound or payer.account_id:
        return Owner(bound)
    if guest or offer is None or not offer.creates_account:
        return Owner()
    account = await _account_of(store, payer, actor, ids)
    await bind(store, customer, account, actor)
    return Owner(account)


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
