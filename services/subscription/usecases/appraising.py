"""What bought items stand for, asked of pricing before the transaction.

What a version of a catalog says of its prices never changes, so it is asked once (rule 27). Which
version is in force may change at any time: the expansion, which is asked each time, says it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from services.chassis.errors import FailedPrecondition, InvalidArgument, NotFound
from services.subscription.domain import Reason
from services.subscription.incoming import Item
from services.subscription.offers import AddonQuantity, Appraisal, Offer
from services.subscription.ports import Expansion, Pricing, ResolvedPrice
from services.subscription.remembering import Remembered

MAX_QUANTITY = 1000
_MOST_PRICES = 4096
_Asked: TypeAlias = tuple[str, tuple[str, ...]]


class PricesInForce:
    """What prices stand for by the version in force that sells all of them. One for a process."""

    def __init__(self) -> None:
        self._known: Remembered[_Asked, Sequence[ResolvedPrice]] = Remembered(_MOST_PRICES)

    def of(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Return what these stood for when they were asked for last; nothing if that is not known.

        It is so as long as the version that it names is in force.
        """
        return self._known.get((provider, tuple(prices))) or ()

    def keep(self, provider: str, found: Sequence[ResolvedPrice], in_force: str) -> None:
        """Remember prices if the version in force sells them; of those of others it may decide."""
        if in_force and {price.catalog_version for price in found} == {in_force}:
            self._known.keep((provider, tuple(price.price_id for price in found)), found)


class AskedOnce:
    """Asks pricing once what several facts that came together need to know."""

    def __init__(self, pricing: Pricing, known: PricesInForce) -> None:
        self.pricing = pricing
        self.known = known
        self._prices: dict[tuple[str, tuple[str, ...]], Sequence[ResolvedPrice]] = {}
        self._expansions: dict[tuple[str, tuple[AddonQuantity, ...], str], Expansion] = {}

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Say what price ids stand for; see the port."""
        asked = (provider, tuple(prices))
        if asked not in self._prices:
            self._prices[asked] = await self.pricing.resolve_prices(provider, prices)
        return self._prices[asked]

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        """Expand a plan; see the port."""
        asked = (plan, tuple(addons), catalog_version)
        if asked not in self._expansions:
            found = await self.pricing.expand_capacity(plan, addons, catalog_version)
            self._expansions[asked] = found
        return self._expansions[asked]


@dataclass(frozen=True, slots=True)
class _Judged:
    """An appraisal, and the version of the plan's catalog that was in force; empty if not known."""

    appraisal: Appraisal
    in_force: str = ""


async def appraise(
    asked: AskedOnce, provider: str, items: Sequence[Item], sold: Offer | None = None
) -> Appraisal:
    """Return the offer of these items, or why there is none. Only passing trouble is raised.

    ``sold`` is what the subscription had so far: the same plan goes on by the catalog version that
    it was sold by, which counts where the plan says ``pin``.
    """
    if not items:
        return Appraisal(problem=Reason.NO_PLAN)
    prices = sorted({item.price_id for item in items})
    known = asked.known.of(provider, prices)
    if known:
        judged = await _judge(asked, items, known, sold)
        if judged.in_force == known[0].catalog_version:
            return judged.appraisal
    found = await asked.resolve_prices(provider, prices)
    judged = await _judge(asked, items, found, sold)
    asked.known.keep(provider, found, judged.in_force)
    return judged.appraisal


async def _judge(
    asked: AskedOnce, items: Sequence[Item], found: Sequence[ResolvedPrice], sold: Offer | None
) -> _Judged:
    prices = sorted({item.price_id for item in items})
    resolved = {price.price_id: price for price in found}
    unknown = tuple(price for price in prices if not _subject(resolved.get(price)))
    if unknown:
        return _Judged(Appraisal(problem=Reason.UNKNOWN_PRICE, unknown_prices=unknown))
    plans = [item for item in items if resolved[item.price_id].plan]
    if len(plans) != 1 or plans[0].quantity != 1:
        return _Judged(Appraisal(problem=Reason.SEVERAL_PLANS if plans else Reason.NO_PLAN))
    plan = resolved[plans[0].price_id]
    if sold is not None and sold.plan == plan.plan:
        plan = replace(plan, catalog_version=sold.catalog_version)
    return await _expand(asked, plan, items, resolved)


def _subject(price: ResolvedPrice | None) -> str:
    return (price.plan or price.addon) if price else ""


async def _expand(
    asked: AskedOnce,
    plan: ResolvedPrice,
    items: Sequence[Item],
    resolved: dict[str, ResolvedPrice],
) -> _Judged:
    addons = _addons(items, resolved)
    if any(addon.quantity > MAX_QUANTITY for addon in addons):
        return _Judged(Appraisal(problem=Reason.IMPOSSIBLE_COMBINATION))
    try:
        expansion = await asked.expand_capacity(plan.plan, addons, plan.catalog_version)
    except (NotFound, InvalidArgument, FailedPrecondition):
        # By its type: asking again does not help, a person has to look at the catalog.
        return _Judged(Appraisal(problem=Reason.IMPOSSIBLE_COMBINATION))
    amounts = [resolved[item.price_id].amount for item in items]
    offer = Offer(
        plan=plan.plan,
        catalog_version=plan.catalog_version,
        addons=addons,
        capacity=expansion.capacity,
        on_unpaid=expansion.on_unpaid,
        on_end=expansion.on_end,
        retention=expansion.retention,
        free=all(amount is not None and amount.minor_units == 0 for amount in amounts),
        creates_account=plan.creates_account,
        terms=expansion.terms,
    )
    return _Judged(Appraisal(offer), expansion.active_version)


def _addons(items: Sequence[Item], resolved: dict[str, ResolvedPrice]) -> tuple[AddonQuantity, ...]:
    counts: dict[str, int] = {}
    for item in items:
        addon = resolved[item.price_id].addon
        if addon:
            counts[addon] = counts.get(addon, 0) + item.quantity
    return tuple(AddonQuantity(addon, counts[addon]) for addon in sorted(counts))
