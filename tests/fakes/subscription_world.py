"""A subscription service without its processes: facts go in, accounts and orders come out."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.chassis.errors import NotFound
from services.chassis.facts import FactRecord
from services.chassis.identity import Principal
from services.chassis.ids import Ids, RandomIds, derived
from services.chassis.money import Money
from services.subscription import convert, usecases
from services.subscription.domain import (
    AccountKind,
    AccountRequest,
    AccountView,
    AddonQuantity,
    Alert,
    Capacity,
    CapacityKind,
    EndPolicy,
    Order,
    PageRequest,
    Purchase,
    Subscription,
)
from services.subscription.incoming import (
    CheckoutPaid,
    Customer,
    InvoicePaid,
    Item,
    Payer,
    ProviderStatus,
    ProviderSubscription,
)
from services.subscription.ports import Expansion, ResolvedPrice, Store, SubscriptionTransactions
from services.subscription.usecases import Envelope
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import memory_transactions
from tollgate.common.v1 import capacity_pb2

START = datetime(2026, 1, 1, tzinfo=UTC)
ADMIN = Principal("root", "user", issuer="http://idp/realms/master", groups=("platform-admin",))
PROVIDER, SHOP = "stripe", "acct_1"
USD = Money("usd", 4900)


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


def namespace(pods: int) -> Capacity:
    """Return a namespace of so many pods."""
    message = capacity_pb2.Capacity()
    message.namespace.quota["pods"] = str(pods)
    return Capacity(CapacityKind.NAMESPACE, message.SerializeToString(deterministic=True))


def nothing() -> Capacity:
    """Return the capacity of a plan that is an entitlement only."""
    message = capacity_pb2.Capacity()
    message.nothing.SetInParent()
    return Capacity(CapacityKind.NOTHING, message.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class Sold:
    """What one price of the pretended catalog stands for."""

    plan: str = "shop/basic"
    capacity: Capacity = field(default_factory=lambda: namespace(10))
    on_unpaid: EndPolicy = EndPolicy.SUSPEND_THEN_CANCEL
    on_end: EndPolicy = EndPolicy.DELETE
    retention: timedelta = timedelta(days=7)
    amount: Money = USD
    creates_account: bool = True
    addon: str = ""


class Catalog:
    """Pricing in memory: prices that are known, and what was asked for."""

    def __init__(self, **sold: Sold) -> None:
        self.sold = sold
        self.version = "v1"

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Say what prices stand for."""
        await asyncio.sleep(0)
        return [self._resolved(price) for price in prices]

    def _resolved(self, price: str) -> ResolvedPrice:
        sold = self.sold.get(price)
        if sold is None:
            return ResolvedPrice(price)
        plan = "" if sold.addon else sold.plan
        return ResolvedPrice(
            price, plan, sold.addon, self.version, sold.amount, sold.creates_account
        )

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        """Expand a plan; each unit of an add-on is a pod."""
        await asyncio.sleep(0)
        for sold in self.sold.values():
            if sold.plan == plan and not sold.addon:
                capacity = sold.capacity
                extra = sum(addon.quantity for addon in addons)
                if extra:
                    message = capacity_pb2.Capacity.FromString(capacity.body)
                    pods = int(message.namespace.quota["pods"])
                    capacity = namespace(pods + extra)
                return Expansion(capacity, sold.on_unpaid, sold.on_end, sold.retention)
        raise NotFound(f"there is no plan {plan}", reason="UNKNOWN_PLAN")


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


@dataclass
class World:
    """One service on one store; ``tx`` may be memory's or PostgreSQL's."""

    tx: SubscriptionTransactions
    pricing: Catalog
    ids: Ids = field(default_factory=RandomIds)
    alerts: list[Alert] = field(default_factory=list)

    async def give(self, fact: object, revision: int = 0) -> tuple[Alert, ...]:
        """Deliver a fact, as often as one likes."""
        alerts = await self._take(fact, revision)
        self.alerts += alerts
        return alerts

    async def _take(self, fact: object, revision: int) -> tuple[Alert, ...]:
        tx, ids = self.tx, self.ids
        match fact:
            case CheckoutPaid():
                mail = envelope(fact, fact.checkout_id)
                return await usecases.take_checkout(tx, self.pricing, ids, mail, fact)
            case InvoicePaid():
                return await usecases.take_invoice(tx, ids, envelope(fact, fact.invoice_id), fact)
            case ProviderSubscription():
                mail = envelope(fact, fact.provider_subscription_id, revision)
                return await usecases.take_provider_subscription(tx, self.pricing, ids, mail, fact)
            case _:
                raise TypeError(f"{fact!r} is no fact")

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


def catalog() -> Catalog:
    """Return a catalog with two plans of one kind, an entitlement, an add-on and other policies."""
    basic = Sold()
    return Catalog(
        price_a=basic,
        price_b=Sold("shop/large", namespace(50)),
        price_hold=Sold("hold/tier", nothing()),
        price_more=Sold(addon="shop/more"),
        price_closed=Sold("shop/closed", creates_account=False),
        price_keep=replace(basic, plan="shop/keep", on_end=EndPolicy.SUSPEND_THEN_CANCEL),
        price_free=replace(basic, plan="shop/free", on_end=EndPolicy.FREE, amount=Money("usd", 0)),
        price_now=replace(basic, plan="shop/now", retention=timedelta(0)),
        price_unpaid=replace(basic, plan="shop/unpaid", retention=timedelta(0)),
    )


def memory_world(db: MemoryDatabase | None = None, pricing: Catalog | None = None) -> World:
    """Return a world in memory."""
    db = db or MemoryDatabase(SteadyClock())
    return World(memory_transactions(db, convert.to_record), pricing or catalog())
