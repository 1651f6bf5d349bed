"""Pricing in memory: a catalog of prices, what they stand for, and quotes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.chassis.errors import FailedPrecondition, InvalidArgument, NotFound
from services.chassis.ids import derived
from services.chassis.money import Money
from services.subscription.offers import (
    AddonQuantity,
    Capacity,
    CapacityKind,
    EndPolicy,
    Terms,
    catalog_of,
)
from services.subscription.ports import (
    Addon,
    CatalogInfo,
    Expansion,
    Interval,
    Plan,
    Price,
    Quote,
    QuoteLine,
    ResolvedPrice,
    Selection,
)
from tollgate.common.v1 import capacity_pb2

START = datetime(2026, 1, 1, tzinfo=UTC)
USD = Money("usd", 4900)
PROVIDER = "stripe"


def namespace(pods: int) -> Capacity:
    """Return a namespace of so many pods."""
    message = capacity_pb2.Capacity()
    message.namespace.quota["pods"] = str(pods)
    return _capacity(CapacityKind.NAMESPACE, message)


def nothing() -> Capacity:
    """Return the capacity of a plan that is an entitlement only."""
    message = capacity_pb2.Capacity()
    message.nothing.SetInParent()
    return _capacity(CapacityKind.NOTHING, message)


def organization(cpu: str, memory: str, public_ips: int = 1) -> Capacity:
    """Return the quota of an organization."""
    message = capacity_pb2.Capacity()
    message.organization.quota["cpu"] = cpu
    message.organization.quota["memory"] = memory
    message.organization.public_ips = public_ips
    return _capacity(CapacityKind.ORGANIZATION, message)


def _capacity(kind: CapacityKind, message: capacity_pb2.Capacity) -> Capacity:
    return Capacity(kind, message.SerializeToString(deterministic=True))


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
    terms: Terms = field(default_factory=lambda: Terms("Basic", "basic"))
    interval: Interval = Interval.MONTH
    on_sale: bool = True
    trial_days: int = 0


class Catalog:
    """Pricing in memory: prices that are known, and the quotes that were given."""

    def __init__(self, **sold: Sold) -> None:
        self.sold = sold
        self.unpriced: dict[str, Sold] = {}
        """Plans that have no price, by name."""
        self.free_plans: dict[str, str] = {}
        self.version = "v1"
        self.quotes: dict[str, Quote] = {}
        self._requests: dict[str, tuple[str, Selection]] = {}

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Say what prices stand for."""
        await asyncio.sleep(0)
        return [self._resolved(price) for price in prices]

    def _resolved(self, price: str) -> ResolvedPrice:
        sold = self.sold.get(price)
        if sold is None:
            return ResolvedPrice(price)
        return ResolvedPrice(
            price,
            "" if sold.addon else sold.plan,
            sold.addon,
            self.version,
            sold.amount,
            sold.creates_account,
            sold.interval,
        )

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        """Expand a plan; each unit of an add-on is a pod, or a core of an organization."""
        await asyncio.sleep(0)
        sold = self._plan(plan)
        capacity = _with_more(sold.capacity, sum(addon.quantity for addon in addons))
        message = capacity_pb2.Capacity.FromString(capacity.body)
        limits = dict(message.organization.quota)
        if message.organization.HasField("public_ips"):
            limits["public_ips"] = str(message.organization.public_ips)
        return Expansion(
            capacity,
            sold.on_unpaid,
            sold.on_end,
            sold.retention,
            sold.terms,
            limits,
            self.version,
        )

    def _plan(self, name: str) -> Sold:
        for sold in (*self.sold.values(), *self.unpriced.values()):
            if sold.plan == name and not sold.addon:
                return sold
        raise NotFound(f"there is no plan {name}", reason="UNKNOWN_PLAN")

    def _prices(self, name: str) -> list[Price]:
        return [
            Price(sold.amount, sold.interval, {PROVIDER: price})
            for price, sold in self.sold.items()
            if name == (sold.addon or sold.plan)
        ]

    async def get_plan(self, plan: str) -> Plan:
        """Return a plan at its newest version."""
        await asyncio.sleep(0)
        sold = self._plan(plan)
        return Plan(
            plan,
            self.version,
            sold.terms,
            sold.capacity.kind,
            self._prices(plan),
            sold.on_sale,
            sold.trial_days,
        )

    async def list_plans(self, catalog: str) -> Sequence[Plan]:
        """Return the plans of a catalog that are on sale."""
        everything = [*self.sold.values(), *self.unpriced.values()]
        names = {sold.plan: None for sold in everything if not sold.addon and sold.on_sale}
        return [await self.get_plan(name) for name in names if catalog_of(name) == catalog]

    async def list_addons(self, catalog: str) -> Sequence[Addon]:
        """Return all add-ons of a catalog."""
        await asyncio.sleep(0)
        found = {sold.addon: sold.on_sale for sold in self.sold.values() if sold.addon}
        return [
            Addon(name, self._prices(name), on_sale)
            for name, on_sale in found.items()
            if catalog_of(name) == catalog
        ]

    async def list_catalogs(self) -> Sequence[CatalogInfo]:
        """Return all catalogs."""
        await asyncio.sleep(0)
        names = {catalog_of(sold.addon or sold.plan) for sold in self.sold.values()}
        return [
            CatalogInfo(name, self.version, self.free_plans.get(name, "")) for name in sorted(names)
        ]

    async def create_quote(
        self, owner: str, selection: Selection, lifetime: timedelta, request_id: str
    ) -> Quote:
        """Have a selection priced; the same key is the same quote."""
        await asyncio.sleep(0)
        name, first = self._requests.get(request_id, ("", selection))
        if first != selection:
            raise InvalidArgument("another selection", reason="IDEMPOTENCY_KEY_REUSED")
        if name:
            return self.quotes[name]
        quote = self._quote(derived("quo", request_id), owner, selection, lifetime)
        self._requests[request_id] = (quote.name, selection)
        self.quotes[quote.name] = quote
        return quote

    def _quote(self, name: str, owner: str, selection: Selection, lifetime: timedelta) -> Quote:
        plan = self._plan(selection.plan)
        if selection.trial and not plan.trial_days:
            raise InvalidArgument("the plan has no trial", reason="INVALID_FIELDS")
        chosen = [
            AddonQuantity(selection.plan, 1),
            *sorted(selection.addons, key=lambda addon: addon.addon),
        ]
        lines = [self._line(one, selection.interval) for one in chosen]
        total = sum(price.amount.minor_units * line.quantity for price, line in lines)
        trial_days = plan.trial_days if selection.trial else 0
        return Quote(
            name,
            owner,
            Money("usd", 0 if trial_days else total),
            START + lifetime,
            plan=selection.plan,
            interval=selection.interval,
            trial_days=trial_days,
            lines=tuple(line for _, line in lines),
        )

    def _line(self, chosen: AddonQuantity, interval: Interval) -> tuple[Price, QuoteLine]:
        prices = [price for price in self._prices(chosen.addon) if price.interval is interval]
        if not prices:
            raise FailedPrecondition("no such price", reason="PLAN_NOT_SOLD")
        return prices[0], QuoteLine(chosen.addon, chosen.quantity, prices[0].provider_prices)

    async def get_quote(self, name: str) -> Quote:
        """Return a quote."""
        await asyncio.sleep(0)
        if name not in self.quotes:
            raise NotFound("there is no such quote", reason="UNKNOWN_QUOTE")
        return self.quotes[name]

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> Quote:
        """Take a quote once."""
        quote = await self.get_quote(name)
        if quote.taker not in ("", taker):
            raise FailedPrecondition("taken by another", reason="QUOTE_TAKEN")
        self.quotes[name] = replace(quote, taker=taker)
        return self.quotes[name]


def _with_more(capacity: Capacity, units: int) -> Capacity:
    if not units:
        return capacity
    message = capacity_pb2.Capacity.FromString(capacity.body)
    if capacity.kind is CapacityKind.ORGANIZATION:
        quota = message.organization.quota
        quota["cpu"] = str(int(quota["cpu"]) + units)
        return _capacity(capacity.kind, message)
    return namespace(int(message.namespace.quota["pods"]) + units)


def catalog() -> Catalog:
    """Return a catalog with two plans of one kind, an entitlement, an add-on and other policies."""
    basic = Sold()
    return Catalog(
        price_a=basic,
        price_b=Sold("shop/large", namespace(50), terms=Terms("Large", "premium", ("builds",))),
        price_hold=Sold("hold/tier", nothing()),
        price_more=Sold(addon="shop/more"),
        price_closed=Sold("shop/closed", creates_account=False),
        price_keep=replace(basic, plan="shop/keep", on_end=EndPolicy.SUSPEND_THEN_CANCEL),
        price_free=replace(basic, plan="shop/free", on_end=EndPolicy.FREE, amount=Money("usd", 0)),
        price_now=replace(basic, plan="shop/now", retention=timedelta(0)),
        price_unpaid=replace(basic, plan="shop/unpaid", retention=timedelta(0)),
    )
