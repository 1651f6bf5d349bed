"""What a changed subscription is to be billed for, by the currency and interval that it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.chassis.errors import NotFound, Violations
from services.subscription.domain import Subscription
from services.subscription.errors import AddonNotHeld, NotSoldInCurrency, PlanNotSold, UnknownPrice
from services.subscription.incoming import Item
from services.subscription.offers import AddonQuantity, Offer, catalog_of
from services.subscription.ports import (
    Addon,
    BilledItem,
    Interval,
    Price,
    Pricing,
    ResolvedPrice,
)
from services.subscription.purchasing import MAX_QUANTITY, UpdateRequest
from services.subscription.units import Unit


@dataclass(frozen=True, slots=True)
class Target:
    """What a subscription is to be, what the provider is to bill for it, and an organization's
    limits then.
    """

    offer: Offer
    items: Sequence[BilledItem]
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Billing:
    """How a subscription is billed, and the price ids of what it holds, by name."""

    provider: str
    currency: str
    interval: Interval
    held: Mapping[str, str] = field(default_factory=dict)

    def price_of(self, subject: str, prices: Sequence[Price]) -> str:
        """Return the provider's price id of something that is not held yet."""
        fitting = [
            price
            for price in prices
            if (price.amount.currency, price.interval) == (self.currency, self.interval)
        ]
        if not fitting:
            raise NotSoldInCurrency(subject, self.currency, self.interval)
        known = [price.provider_prices.get(self.provider, "") for price in fitting]
        found = next((price_id for price_id in known if price_id), "")
        if not found:
            raise PlanNotSold(subject)
        return found


async def target_of(
    pricing: Pricing, unit: Unit, sub: Subscription, request: UpdateRequest
) -> Target:
    """Return what is asked for; what is held already keeps its price, sold or not."""
    plan = request.plan or sub.offer.plan
    if catalog_of(plan) != sub.offer.catalog:
        bad = Violations()
        bad.add("plan", f"expected a plan of the catalog {sub.offer.catalog}")
        bad.raise_if_any()
    billing = await _billing(pricing, unit, sub)
    addons = _addons_after(sub.offer.addons, request)
    price, version = await _plan_price(pricing, billing, plan, sub.offer)
    prices = [price]
    prices += await _addon_prices(pricing, billing, sub.offer.catalog, addons)
    quantities = [1, *(addon.quantity for addon in addons)]
    expansion = await pricing.expand_capacity(plan, addons, version)
    offer = replace(
        sub.offer,
        plan=plan,
        catalog_version=version,
        addons=addons,
        capacity=expansion.capacity,
        terms=expansion.terms,
    )
    items = [BilledItem(*pair) for pair in zip(prices, quantities, strict=True)]
    return Target(offer, items, expansion.limits)


def _addons_after(
    held: Sequence[AddonQuantity], request: UpdateRequest
) -> tuple[AddonQuantity, ...]:
    counts = {one.addon: one.quantity for one in held}
    if request.addons is not None:
        counts = {one.addon: one.quantity for one in request.addons}
    bad = Violations()
    for addon, units in request.addon_changes:
        counts[addon] = counts.get(addon, 0) + units
        if counts[addon] < 0:
            raise AddonNotHeld(addon)
        if counts[addon] > MAX_QUANTITY:
            bad.add(f"addon_changes[{addon!r}]", f"expected at most {MAX_QUANTITY} together")
    bad.raise_if_any()
    return tuple(AddonQuantity(addon, counts[addon]) for addon in sorted(counts) if counts[addon])


async def _billing(pricing: Pricing, unit: Unit, sub: Subscription) -> _Billing:
    provider = sub.key.provider
    ids = sorted({item.price_id for item in items_of(unit)})
    resolved = await pricing.resolve_prices(provider, ids) if ids else []
    plan = next((price for price in resolved if price.plan), None)
    if plan is None or plan.amount is None or plan.interval is None:
        raise UnknownPrice(sub.name)
    held = {_subject(price): price.price_id for price in resolved if _subject(price)}
    return _Billing(provider, plan.amount.currency, plan.interval, held)


def items_of(unit: Unit) -> Sequence[Item]:
    """Return what a unit is billed for, as far as was heard."""
    if unit.snapshot is not None:
        return unit.snapshot.seen.items
    return unit.purchase.checkout.items if unit.purchase else ()


def _subject(price: ResolvedPrice) -> str:
    return price.plan or price.addon


async def _plan_price(
    pricing: Pricing, billing: _Billing, plan: str, held: Offer
) -> tuple[str, str]:
    """Return the price id of the plan and the version that it is sold by."""
    if plan in billing.held:
        return billing.held[plan], held.catalog_version if plan == held.plan else ""
    sold = await pricing.get_plan(plan)
    if not sold.self_service:
        raise PlanNotSold(plan)
    return billing.price_of(plan, sold.prices), sold.catalog_version


async def _addon_prices(
    pricing: Pricing, billing: _Billing, catalog: str, addons: Sequence[AddonQuantity]
) -> list[str]:
    fresh = [addon.addon for addon in addons if addon.addon not in billing.held]
    sold = {one.name: one for one in await pricing.list_addons(catalog)} if fresh else {}
    return [
        billing.held.get(addon.addon) or _addon_price(billing, sold, addon.addon)
        for addon in addons
    ]


def _addon_price(billing: _Billing, sold: Mapping[str, Addon], name: str) -> str:
    addon = sold.get(name)
    if addon is None:
        raise NotFound(
            f"There is no add-on {name!r}.", reason="UNKNOWN_ADDON", metadata={"addon": name}
        )
    if not addon.on_sale:
        raise PlanNotSold(name)
    return billing.price_of(name, addon.prices)
