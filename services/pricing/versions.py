"""What a new version of a catalog or of the rate card would touch, and by how much. Pure.

No price that was promised changes: ``after`` is what the same costs when it is bought, or asked
for, anew. What plans stand for and entitle to does change, unless they are pinned.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from services.chassis.errors import Refusal
from services.chassis.money import Money
from services.pricing.canonical import plain
from services.pricing.costing import (
    CommitmentRequest,
    Deployment,
    DeploymentRequest,
    ResourceRequest,
    calculate,
    checked,
)
from services.pricing.domain import Addon, Catalog, Interval, Plan, split_name
from services.pricing.quotes import (
    DeploymentQuote,
    PlanQuote,
    PlanSelection,
    Quote,
    plan_quote,
    subtotal_of,
)
from services.pricing.rates import RateCard
from services.pricing.sources import Difference, Kind, differences
from services.pricing.tiers import Standing


class Subject(StrEnum):
    """What is touched."""

    SUBSCRIPTION = "SUBSCRIPTION"
    QUOTE = "QUOTE"
    BUDGET = "BUDGET"


@dataclass(frozen=True, slots=True)
class Holding:
    """A subscription that is not over, at the version of its catalog that it was sold by.

    ``interval`` is how often it is billed, as far as its period tells.
    """

    name: str
    account: str
    plan: str
    catalog_version: str
    addons: tuple[tuple[str, int], ...] = ()
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What is touched, whose it is, and what it costs now and would cost anew.

    ``before`` and ``after`` are both known, or neither is and ``unknown`` says why, or there is no
    difference of price. ``immediate`` says whether ``changes`` count at once.
    """

    subject: Subject
    name: str
    account: str
    before: Money | None = None
    after: Money | None = None
    interval: Interval | None = None
    immediate: bool = False
    changes: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def size(self) -> Decimal:
        """By how much the price differs, whichever way, in the major unit."""
        if self.before is None or self.after is None:
            return Decimal(0)
        return abs(self.after.to_decimal() - self.before.to_decimal())


@dataclass(frozen=True, slots=True)
class Total:
    """What the effects of one subject, interval and currency come to."""

    subject: Subject
    interval: Interval | None
    count: int
    before: Money
    after: Money


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a dry run found; ``unknown`` is what could not be looked at."""

    catalog: str
    version: str
    active_version: str
    effects: Sequence[Effect] = ()
    unknown: Sequence[str] = ()
    findings: Sequence[str] = ()
    totals: Sequence[Total] = field(default_factory=tuple)


def ordered(effects: Iterable[Effect]) -> list[Effect]:
    """Return effects, the largest first, then those of which nothing is known, then the rest."""
    return sorted(effects, key=lambda one: (-one.size, not one.unknown, one.subject, one.name))


def totals(effects: Iterable[Effect]) -> list[Total]:
    """Return what effects come to, by subject, interval and currency."""
    sums: dict[tuple[str, str, str], Total] = {}
    for one in effects:
        if one.before is None or one.after is None or not one.size:
            continue
        key = (one.subject, one.interval or "", one.before.currency)
        known = sums.get(key)
        nothing = Money.zero(one.before.currency)
        count, before, after = (
            (known.count, known.before, known.after) if known else (0, nothing, nothing)
        )
        sums[key] = Total(
            one.subject, one.interval, count + 1, before + one.before, after + one.after
        )
    return [sums[key] for key in sorted(sums)]


class CatalogChange:
    """What a new version of a catalog changes against the one in force."""

    def __init__(self, active: Catalog | None, new: Catalog) -> None:
        self._new = new
        self._changes: dict[tuple[str, str], list[Difference]] = {}
        for one in differences(active, new) if active else ():
            group, _, rest = one.key.partition(".")
            item, _, key = rest.partition(".")
            self._changes.setdefault((group, item), []).append(
                Difference(one.kind, key or item, one.old, one.new)
            )

    def of_holding(self, held: Holding, sold: Catalog | None) -> Effect | None:
        """Return what would be touched of a subscription; None for nothing.

        ``sold`` is the version that it was sold by, None if nobody knows it any more.
        """
        plan_id = split_name(held.plan)[1]
        changes = self._changed("plans", plan_id, "the plan")
        for name, _ in held.addons:
            addon_id = split_name(name)[1]
            changes += self._changed("addons", addon_id, f"add-on {addon_id}")
        if not changes:
            return None
        plan = sold.plans.get(plan_id) if sold else None
        texts = tuple(text for _, text in changes)
        effect = Effect(
            Subject.SUBSCRIPTION,
            held.name,
            held.account,
            changes=texts,
            immediate=plan is not None and not plan.pin,
        )
        if not any(priced for priced, _ in changes):
            return effect
        if sold is None or plan is None:
            return _unknown(effect, f"version {held.catalog_version} does not have the plan")
        return self._priced(effect, held, sold, plan)

    def of_quote(self, quote: Quote) -> Effect | None:
        """Return what asking for a plan's quote again would come to; None for the same."""
        if not isinstance(quote.subject, PlanQuote):
            return None
        effect = Effect(Subject.QUOTE, quote.name, quote.owner)
        try:
            again = subtotal_of(self._again(quote.subject))
        except (Refusal, KeyError) as refused:
            return _unknown(effect, f"cannot be asked for again: {refused}")
        return None if again == quote.amount else _at(effect, quote.amount, again)

    def _again(self, quoted: PlanQuote) -> PlanQuote:
        plan = self._new.plans[split_name(quoted.plan)[1]]
        addons = [(self._new.addons[split_name(name)[1]], times) for name, times in quoted.addons]
        currency = quoted.lines[0].unit.currency
        wanted = PlanSelection(quoted.plan, quoted.addons, currency, quoted.interval)
        return plan_quote(self._new, plan, addons, wanted, hidden=True)

    def _changed(self, group: str, item: str, called: str) -> list[tuple[bool, str]]:
        """Return what changes of an item, each with whether that is its price."""
        found = []
        for one in self._changes.get((group, item), ()):
            if one.kind is Kind.REMOVED and one.key == item:
                found.append((False, f"{called} is not sold any more, and stays as it was sold"))
            elif one.kind is Kind.CHANGED:
                found.append((one.key.startswith("prices."), f"{called}: {one}"))
        return found

    def _priced(self, effect: Effect, held: Holding, sold: Catalog, plan: Plan) -> Effect:
        """Add what a subscription pays and would pay, where one price only can bill it.

        Of several that may, nothing is said if none changes; else all are named.
        """
        if not plan.prices:
            return _unknown(effect, "was sold without a price")
        found: list[Effect] = []
        for price in plan.prices:
            currency, interval = price.amount.currency, price.interval
            if held.interval in (None, interval):
                try:
                    before = _sum(sold, held, currency, interval)
                    after = _sum(self._new, held, currency, interval)
                except LookupError as missing:
                    found.append(_unknown(effect, str(missing.args[0])))
                else:
                    found.append(_at(effect, before, after, interval))
        if not found:
            return _unknown(effect, f"was sold without a price for each {held.interval}")
        if all(one.before == one.after and not one.unknown for one in found):
            return effect
        if len(found) == 1:
            return found[0]
        return _unknown(effect, f"is billed by one of: {'; '.join(map(_shown, found))}")


def quote_by_card(card: RateCard, quote: Quote, standing: Standing) -> Effect | None:
    """Return what asking for a deployment's quote again would come to; None for the same."""
    if not isinstance(quote.subject, DeploymentQuote):
        return None
    effect = Effect(Subject.QUOTE, quote.name, quote.owner)
    try:
        deployment = checked(card, _as_asked(quote.subject.deployment), standing.now.date())
    except Refusal as refused:
        return _unknown(effect, f"cannot be asked for again: {refused}")
    again = calculate(card, deployment, standing.tier).total
    return None if again == quote.amount else _at(effect, quote.amount, again)


def _as_asked(priced: Deployment) -> DeploymentRequest:
    term = priced.commitment
    return DeploymentRequest(
        [
            ResourceRequest(
                one.type, plain(one.cpu), plain(one.memory), plain(one.storage), one.replicas
            )
            for one in priced.resources
        ],
        region=priced.region,
        duration_hours="" if term else plain(priced.hours),
        backup_plan=priced.backup_plan,
        features=priced.features,
        cloud=priced.cloud,
        commitment=CommitmentRequest(term.years, term.upfront) if term else None,
        coupon=priced.coupon,
    )


def _sum(catalog: Catalog, held: Holding, currency: str, interval: Interval) -> Money:
    """Return what a subscription costs for an interval; LookupError says what has no such price."""
    plan = catalog.plans.get(split_name(held.plan)[1])
    items: list[tuple[str, Plan | Addon | None, int]] = [(held.plan, plan, 1)]
    items += [(name, catalog.addons.get(split_name(name)[1]), n) for name, n in held.addons]
    total = Money.zero(currency)
    for name, item, times in items:
        amounts = [
            price.amount
            for price in (item.prices if item else ())
            if (price.amount.currency, price.interval) == (currency, interval)
        ]
        if not amounts:
            raise LookupError(f"{name} has no price in {currency} for each {interval}")
        total += amounts[0] * times
    return total


def _at(effect: Effect, before: Money, after: Money, interval: Interval | None = None) -> Effect:
    if before.currency != after.currency:
        return _unknown(effect, f"costs {before} now, and would {after}")
    return Effect(
        effect.subject,
        effect.name,
        effect.account,
        before,
        after,
        interval,
        effect.immediate,
        effect.changes,
    )


def _shown(effect: Effect) -> str:
    """Write what one price of several comes to."""
    if effect.unknown:
        return effect.unknown
    return f"{effect.before} for each {effect.interval}, and would be {effect.after}"


def _unknown(effect: Effect, why: str) -> Effect:
    return Effect(
        effect.subject,
        effect.name,
        effect.account,
        immediate=effect.immediate,
        changes=effect.changes,
        unknown=why,
    )
