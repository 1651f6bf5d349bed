"""Quotes: prices that were promised. Values and rules; nothing here does I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from services.chassis.errors import FieldViolation, Violations
from services.chassis.money import Money
from services.pricing.costing import Cost, Deployment, DeploymentRequest
from services.pricing.domain import Addon, Catalog, Interval, Plan, Price, qualified
from services.pricing.errors import NotSoldInCurrency, PlanNotSold
from services.pricing.objects import ObjectRequest, QuotedObject

MAX_QUOTED_ADDONS = 20
SHORTEST_LIFETIME = 60
LONGEST_LIFETIME = 7 * 86_400


class QuoteState(StrEnum):
    """Where a quote stands."""

    OPEN = "OPEN"
    TAKEN = "TAKEN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class PlanSelection:
    """A plan with add-ons as it was asked for; empty currency and None: the plan's first price."""

    plan: str
    addons: tuple[tuple[str, int], ...] = ()
    currency: str = ""
    interval: Interval | None = None
    trial: bool = False


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of a plan's quote: what it is, how many, and the price of one."""

    subject: str
    provider_prices: Mapping[str, str]
    quantity: int
    unit: Money


@dataclass(frozen=True, slots=True)
class PlanQuote:
    """A plan that was priced: the plan's line first, then the add-ons' by name."""

    plan: str
    catalog_version: str
    addons: tuple[tuple[str, int], ...]
    interval: Interval
    lines: tuple[QuoteLine, ...]
    trial_days: int


@dataclass(frozen=True, slots=True)
class DeploymentQuote:
    """A deployment that was priced; ``object`` is what it was derived from, if it was."""

    deployment: Deployment
    cost: Cost
    object: QuotedObject | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that was promised to ``owner``: never changed, taken at most once.

    ``amount`` is what has to be paid, before tax, discount and trial; ``weight`` what it counts
    towards a threshold: the greater of total and monthly cost.
    """

    name: str
    owner: str
    amount: Money
    weight: Money
    payment_required: bool
    subject: DeploymentQuote | PlanQuote
    create_time: datetime
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class StoredQuote:
    """A quote and what became of it. ``taker`` is empty while nothing took it."""

    quote: Quote
    taker: str = ""
    paid: bool = False

    def state(self, now: datetime) -> QuoteState:
        """Return where it stands at this time."""
        if self.taker:
            return QuoteState.TAKEN
        return QuoteState.OPEN if now < self.quote.expire_time else QuoteState.EXPIRED


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """What a quote is asked for with. ``lifetime`` is in seconds, 0 for the rate card's own.

    With an ``object`` its spec says the resources, by the rule of ``catalog``, or of the only one
    that has a rule for its kind.

    ``request_hash`` is a digest of all but ``request_id``.
    """

    owner: str
    subject: DeploymentRequest | PlanSelection
    lifetime: int = 0
    request_id: str = ""
    request_hash: bytes = b""
    object: ObjectRequest | None = None
    catalog: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A quote as it stands at a time."""

    stored: StoredQuote
    now: datetime

    @property
    def state(self) -> QuoteState:
        """Where it stands."""
        return self.stored.state(self.now)


def plan_quote(
    catalog: Catalog,
    plan: Plan,
    addons: Sequence[tuple[Addon, int]],
    selection: PlanSelection,
    *,
    hidden: bool,
) -> PlanQuote:
    """Price a plan with add-ons; ``hidden`` lets what customers are not offered be sold.

    PlanNotSold, NotSoldInCurrency, InvalidArgument.
    """
    bad = Violations()
    if len(addons) > MAX_QUOTED_ADDONS:
        bad.add("addons", f"expected at most {MAX_QUOTED_ADDONS}, got {len(addons)}")
    if selection.trial and not plan.trial_days:
        bad.add("trial", f"plan {plan.id} has no trial")
    _require_on_sale(catalog, plan, addons, hidden=hidden)
    interval = selection.interval or Interval.MONTH
    currency = selection.currency or _first_currency(plan, interval)
    items: list[tuple[Plan | Addon, int]] = [
        (plan, 1),
        *sorted(addons, key=lambda pair: pair[0].id),
    ]
    lines: tuple[QuoteLine, ...] = ()
    try:
        lines = tuple(_line(catalog, one, quantity, currency, interval) for one, quantity in items)
    except NotSoldInCurrency as unsold:
        if not bad.found:
            raise
        for wrong in unsold.fields:
            bad.add(wrong.field, wrong.description)
    bad.raise_if_any()
    return PlanQuote(
        plan=qualified(catalog.name, plan.id),
        catalog_version=catalog.version,
        addons=tuple((line.subject, line.quantity) for line in lines[1:]),
        interval=interval,
        lines=lines,
        trial_days=plan.trial_days if selection.trial else 0,
    )


def subtotal_of(quote: PlanQuote) -> Money:
    """Return what a plan costs for its first period, before tax, discount and trial."""
    nothing = Money.zero(quote.lines[0].unit.currency)
    return sum((line.unit * line.quantity for line in quote.lines), nothing)


def weight_of(cost: Cost) -> Money:
    """Return what a deployment counts towards a threshold (rule 17)."""
    return max(cost.total, cost.monthly)


def above(weight: Money, unpaid: Money, threshold: Decimal) -> bool:
    """Tell whether a deployment, with what its owner has unpaid, has to be paid first."""
    return (weight + unpaid).to_decimal() > threshold


def _require_on_sale(
    catalog: Catalog, plan: Plan, addons: Sequence[tuple[Addon, int]], *, hidden: bool
) -> None:
    wanted: list[Plan | Addon] = [plan, *(addon for addon, _ in addons)]
    for item in wanted:
        name = qualified(catalog.name, item.id)
        if not item.prices:
            raise PlanNotSold(f"{name} has no price.", metadata={"subject": name})
        if isinstance(item, Addon) and item.disabled:
            raise PlanNotSold(f"{name} is not sold any more.", metadata={"subject": name})
        if not item.self_service and not hidden:
            raise PlanNotSold(f"{name} is sold by hand only.", metadata={"subject": name})


def _first_currency(plan: Plan, interval: Interval) -> str:
    for price in plan.prices:
        if price.interval is interval:
            return price.amount.currency
    return plan.prices[0].amount.currency


def _line(
    catalog: Catalog, item: Plan | Addon, quantity: int, currency: str, interval: Interval
) -> QuoteLine:
    price = _price(item, currency, interval)
    name = qualified(catalog.name, item.id)
    if price is None:
        sold = [f"{each.amount.currency}/{each.interval}" for each in item.prices]
        what = f"{name} is not sold in {currency} for each {interval}; it is in {', '.join(sold)}."
        raise NotSoldInCurrency(
            what,
            metadata={"subject": name, "sold": ",".join(sold)},
            fields=[FieldViolation("currency", what)],
        )
    return QuoteLine(name, price.provider_prices, quantity, price.amount)


def _price(item: Plan | Addon, currency: str, interval: Interval) -> Price | None:
    for price in item.prices:
        if (price.amount.currency, price.interval) == (currency, interval):
            return price
    return None
