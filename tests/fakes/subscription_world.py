"""A subscription service without its processes: facts go in, accounts and orders come out."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from services.chassis.facts import FactRecord
from services.chassis.identity import Principal
from services.chassis.ids import Ids, RandomIds, derived
from services.subscription import convert, usecases
from services.subscription.asking import AccountRequest, AccountView, PageRequest
from services.subscription.auditing import Alert
from services.subscription.domain import AccountKind, Order, Purchase, Subscription
from services.subscription.incoming import (
    CheckoutPaid,
    Customer,
    InvoicePaid,
    Item,
    Payer,
    ProviderStatus,
    ProviderSubscription,
)
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases import Desk, Entitlements, Envelope, News, PurchaseFact
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import memory_transactions
from tests.fakes.subscription_payments import Cluster, Shop
from tests.fakes.subscription_pricing import (
    PROVIDER,
    START,
    USD,
    Catalog,
    Sold,
    catalog,
    namespace,
    nothing,
)

__all__ = [
    "ADMIN",
    "START",
    "USD",
    "Catalog",
    "Sold",
    "SteadyClock",
    "World",
    "catalog",
    "checkout",
    "customer",
    "envelope",
    "invoice",
    "memory_world",
    "namespace",
    "nothing",
    "seen",
]

ADMIN = Principal("root", "user", issuer="http://idp/realms/master", groups=("platform-admin",))
SHOP = "acct_1"


class SteadyClock:
    """A clock that moves only when told; sleeping takes no time."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by


def customer(name: str) -> Customer:
    """Return a customer of the one shop."""
    return Customer(PROVIDER, SHOP, name)


def checkout(
    name: str, who: str = "cus_1", *, price: str = "price_a", at: int = 0, sub: str = ""
) -> CheckoutPaid:
    """Return a paid checkout, so many minutes after the start."""
    return CheckoutPaid(
        checkout_id=name,
        payer=Payer(customer(who)),
        items=(Item(price, 1, USD),),
        total=USD,
        pay_time=START + timedelta(minutes=at),
        provider_subscription_id=sub,
    )


def invoice(name: str, who: str = "cus_1", *, sub: str = "sub_1", at: int = 0) -> InvoicePaid:
    """Return a paid invoice, so many minutes after the start."""
    return InvoicePaid(
        name, Payer(customer(who)), sub, "subscription_create", USD, START + timedelta(minutes=at)
    )


def seen(
    sub: str = "sub_1",
    status: ProviderStatus = ProviderStatus.ACTIVE,
    who: str = "cus_1",
    *,
    price: str = "price_a",
    ended: int | None = None,
    paused: bool = False,
    ends: bool = False,
) -> ProviderSubscription:
    """Return a provider's subscription, canceled so many minutes after the start."""
    return ProviderSubscription(
        provider_subscription_id=sub,
        payer=Payer(customer(who)),
        status=status,
        items=(Item(price, 1),),
        cancel_at_period_end=ends,
        period_start=START,
        period_end=START + timedelta(days=30),
        cancel_time=START + timedelta(minutes=ended) if ended is not None else None,
        collection_paused=paused,
    )


def envelope(fact: object, name: str, revision: int = 0) -> Envelope:
    """Return a fact's envelope; the same name is the same fact."""
    type_name = type(fact).__name__
    ident = derived("fct", type_name, name, str(revision))
    record = FactRecord(ident, f"key:{name}", revision, f"tollgate.payments.v1.{type_name}", b"")
    return Envelope(record, "payments")


def mailed(fact: PurchaseFact, revision: int = 0) -> Envelope:
    """A fact as payments delivers it; a state fact has a revision."""
    match fact:
        case CheckoutPaid():
            return envelope(fact, fact.checkout_id)
        case InvoicePaid():
            return envelope(fact, fact.invoice_id)
        case ProviderSubscription():
            return envelope(fact, fact.provider_subscription_id, revision)


@dataclass
class World:
    """One service on one store; ``tx`` may be memory's or PostgreSQL's."""

    tx: SubscriptionTransactions
    pricing: Catalog
    ids: Ids = field(default_factory=RandomIds)
    alerts: list[Alert] = field(default_factory=list)
    shop: Shop = field(default_factory=Shop)
    cluster: Cluster = field(default_factory=Cluster)
    prices: usecases.PricesInForce = field(default_factory=usecases.PricesInForce)

    @property
    def desk(self) -> Desk:
        """What buying and changing need."""
        take = self._take_refreshed
        return Desk(self.tx, self.ids, "sub", self.pricing, self.shop, self.cluster, take)

    @cached_property
    def entitlements(self) -> Entitlements:
        """What says what people may do: one for all the time of the service."""
        return Entitlements(self.desk)

    @property
    def news(self) -> News:
        """Where fresh news can be asked for: the shop, as it stands now."""
        return News(self.shop, self._take_refreshed)

    async def _take_refreshed(self, record: FactRecord, source: str) -> None:
        told, _ = self.shop.states[record.payload.decode()]
        mail = [(Envelope(record, source), told)]
        self.alerts += await self._take_purchase(mail)

    def _show(self, fact: object, revision: int) -> None:
        """Have the shop stand as a fact says that it does, or did."""
        match fact:
            case CheckoutPaid(provider_subscription_id=sub) if sub:
                bought = replace(seen(sub), payer=fact.payer, items=fact.items)
                self.shop.show(bought, 0)
            case ProviderSubscription():
                self.shop.show(fact, revision)

    async def give(self, fact: object, revision: int = 0) -> tuple[Alert, ...]:
        """Deliver a fact, as often as one likes."""
        self._show(fact, revision)
        alerts = await self._take(fact, revision)
        self.alerts += alerts
        return alerts

    async def _take(self, fact: object, revision: int) -> tuple[Alert, ...]:
        match fact:
            case CheckoutPaid() | InvoicePaid() | ProviderSubscription():
                return await self._take_purchase([(mailed(fact, revision), fact)])
            case _:
                raise TypeError(f"{fact!r} is no fact")

    async def _take_purchase(
        self, mails: Sequence[tuple[Envelope, PurchaseFact]]
    ) -> tuple[Alert, ...]:
        return await usecases.take_purchase(self.tx, self.pricing, self.ids, mails, self.prices)

    async def give_together(
        self, *facts: PurchaseFact, revisions: Sequence[int] = ()
    ) -> tuple[Alert, ...]:
        """Deliver facts that came together, as revision 1 of what they speak of or as said."""
        of_each = revisions or [1] * len(facts)
        mails = [(mailed(fact, at), fact) for at, fact in zip(of_each, facts, strict=True)]
        alerts = await self._take_purchase(mails)
        self.alerts += alerts
        return alerts

    async def create(
        self,
        kind: AccountKind = AccountKind.USER,
        external_id: str = "ann",
        *,
        customers: Sequence[Customer] = (),
        key: str = "",
        who: Principal = ADMIN,
        claim: str = "sub",
    ) -> AccountView:
        """Make an account."""
        request = AccountRequest(
            kind, external_id, "", tuple(customers), key, f"{kind}{external_id}".encode()
        )
        return await usecases.create_account(self.tx, self.ids, who, claim, request)

    async def accounts(self) -> Sequence[AccountView]:
        """Return all accounts."""
        page = PageRequest(1000)
        return (await usecases.list_accounts(self.tx, ADMIN, "sub", page)).items

    async def owner(self, who: str = "cus_1") -> str:
        """Return the account of a customer, empty for none."""
        return await self.tx.run(lambda store: store.owner_of(customer(who)))

    async def purchases(self) -> Sequence[Purchase]:
        """Return all purchases, newest first."""
        return (await usecases.list_purchases(self.tx, ADMIN, None, PageRequest(1000))).items

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions."""
        page = PageRequest(1000)
        return (await usecases.list_subscriptions(self.tx, ADMIN, "sub", "", page)).items

    async def orders(self, account: str) -> Sequence[Order]:
        """Return the orders of an account."""
        return await self.tx.run(lambda store: store.orders(account))

    async def order(self, who: str = "cus_1") -> Order:
        """Return the newest order of a customer's account."""
        return (await self.orders(await self.owner(who)))[-1]

    async def waiting(self) -> list[tuple[str, str]]:
        """Return what facts wait for, and why."""
        page = await usecases.list_parked_facts(self.tx, ADMIN, PageRequest(1000))
        return [(fact.waiting_for, fact.reason) for fact in page.items]

    async def look(self, fn: Callable[[Store], Awaitable[object]]) -> object:
        """Run anything on the store."""
        return await self.tx.run(fn)


def memory_world(db: MemoryDatabase | None = None, pricing: Catalog | None = None) -> World:
    """Return a world in memory."""
    db = db or MemoryDatabase(SteadyClock())
    return World(memory_transactions(db, convert.to_record), pricing or catalog())
