"""What an account may do: the best of everything that it holds in force. Pure.

An entitlement is never stored: it follows from the subscriptions and from the newest terms of their
plans each time that it is asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from services.chassis.errors import Violations
from services.subscription.domain import Account, State
from services.subscription.holder import Held
from services.subscription.lifecycle import RUNNING
from services.subscription.offers import Terms, catalog_of
from services.subscription.ports.pricing import Interval, Plan, Price

TIERS = ("basic", "premium", "enterprise")
"""Document 000's tiers, the lowest first. Another word of a catalog's own ranks below all."""
_RANKS = {tier: place for place, tier in enumerate(TIERS, 1)}
MAX_FEATURES = 100
_MONTHS = {Interval.MONTH: 1, Interval.YEAR: 12, Interval.ONCE: 1}
_KEPT = (State.SUSPENDED, State.PAUSED)


class Lack(StrEnum):
    """Stable reasons why something is not met."""

    SUBSCRIPTION_SUSPENDED = "SUBSCRIPTION_SUSPENDED"
    SUBSCRIPTION_REQUIRED = "SUBSCRIPTION_REQUIRED"
    TIER_TOO_LOW = "TIER_TOO_LOW"
    FEATURE_MISSING = "FEATURE_MISSING"


@dataclass(frozen=True, slots=True)
class ValidateRequest:
    """What has to be held; an empty ``account`` asks for the person's own."""

    account: str = ""
    tier: str = ""
    features: tuple[str, ...] = ()
    catalog: str = ""

    def check(self) -> None:
        """Raise InvalidArgument that names every bad field."""
        bad = Violations()
        if self.tier and self.tier not in TIERS:
            bad.add("required_tier", f"expected one of {', '.join(TIERS)}, or nothing")
        if len(self.features) > MAX_FEATURES:
            bad.add("required_features", f"expected at most {MAX_FEATURES}")
        bad.raise_if_any()


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is asked for; an empty tier asks for none."""

    tier: str = ""
    features: frozenset[str] = frozenset()

    def met_by(self, tier: str, features: Iterable[str]) -> bool:
        """Tell whether a tier and features are enough."""
        if self.tier and rank(tier) < rank(self.tier):
            return False
        return not self.features or self.features.issubset(features)


@dataclass(frozen=True, slots=True)
class Grant:
    """Something that entitles: a subscription by its plan's newest terms, or a free plan."""

    plan: str
    terms: Terms
    subscription: Held | None = None

    @property
    def in_force(self) -> bool:
        """Whether it counts now. A free plan always does."""
        sub = self.subscription
        return sub is None or sub.state in RUNNING

    @property
    def suspended(self) -> bool:
        """Whether it would count if it were paid, or went on."""
        sub = self.subscription
        return sub is not None and sub.state in _KEPT

    @property
    def preference(self) -> tuple[int, bool, float]:
        """Which of several gives the tier: the highest, then what is paid, then the newest."""
        sub = self.subscription
        begin = sub.begin_time.timestamp() if sub else 0.0
        return rank(self.terms.tier), sub is not None, begin


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What an account may do. ``giver`` gives the tier; None where nothing is held."""

    account: Account | None
    giver: Grant | None
    features: tuple[str, ...]
    remaining_credits: int = 0

    @property
    def tier(self) -> str:
        """The highest tier held, empty for none."""
        return self.giver.terms.tier if self.giver else ""

    @property
    def plan(self) -> str:
        """The plan that gives it, empty for none."""
        return self.giver.plan if self.giver else ""

    @property
    def pool(self) -> str:
        """The pool of credits that belongs to the plan; empty for none."""
        return catalog_of(self.plan)

    @property
    def state(self) -> State | None:
        """Where the subscription that gives the tier stands; None for a free plan."""
        sub = self.giver.subscription if self.giver else None
        return sub.state if sub else None

    @property
    def next_billing_time(self) -> datetime | None:
        """When it is billed next; None for what costs nothing or ends by then."""
        sub = self.giver.subscription if self.giver else None
        if sub is None or sub.state is State.CANCELING or sub.offer.free:
            return None
        return sub.period_end


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A plan that would meet what was asked for, and its price."""

    plan: Plan
    price: Price


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether something is met, and what would meet it. ``lack`` is None if it is."""

    entitlement: Entitlement
    lack: Lack | None = None
    message: str = ""
    missing: tuple[str, ...] = ()
    upgrade: Upgrade | None = None


def rank(tier: str) -> int:
    """Return how high a tier is, from 1; 0 for none and for words that are not known."""
    return _RANKS.get(tier, 0)


_preference = attrgetter("preference")


def entitled(account: Account | None, grants: Sequence[Grant]) -> Entitlement:
    """Return what these grants amount to: the highest tier, and every feature in force."""
    counting = [grant for grant in grants if grant.in_force]
    giver = counting[0] if len(counting) == 1 else max(counting, key=_preference, default=None)
    features = {feature for grant in counting for feature in grant.terms.features}
    return Entitlement(account, giver, tuple(sorted(features)))


def lack_of(
    requirement: Requirement, entitlement: Entitlement, grants: Sequence[Grant]
) -> Lack | None:
    """Return why a requirement is not met, None if it is."""
    if requirement.met_by(entitlement.tier, entitlement.features):
        return None
    if any(_would_do(requirement, entitlement, grant) for grant in grants):
        return Lack.SUBSCRIPTION_SUSPENDED
    if not any(grant.in_force and grant.subscription for grant in grants):
        return Lack.SUBSCRIPTION_REQUIRED
    low = rank(entitlement.tier) < rank(requirement.tier)
    return Lack.TIER_TOO_LOW if low else Lack.FEATURE_MISSING


def _would_do(requirement: Requirement, held: Entitlement, grant: Grant) -> bool:
    if not grant.suspended:
        return False
    tier = max(held.tier, grant.terms.tier, key=rank)
    return requirement.met_by(tier, {*held.features, *grant.terms.features})


def say(lack: Lack, requirement: Requirement, entitlement: Entitlement) -> str:
    """Say for a person why it is not met."""
    wanted = _wanted(requirement, entitlement)
    match lack:
        case Lack.SUBSCRIPTION_SUSPENDED:
            return f"This needs {wanted}, and the subscription that gives it is suspended."
        case Lack.SUBSCRIPTION_REQUIRED:
            return f"This needs a subscription with {wanted}."
        case Lack.TIER_TOO_LOW | Lack.FEATURE_MISSING:
            held = f"the tier {entitlement.tier}" if entitlement.tier else "no tier"
            return f"This needs {wanted}; held is {held}."


def _wanted(requirement: Requirement, entitlement: Entitlement) -> str:
    parts = []
    if rank(entitlement.tier) < rank(requirement.tier):
        parts.append(f"the tier {requirement.tier} or higher")
    missing = missing_of(requirement, entitlement)
    if missing:
        parts.append(f"the feature{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    return " and ".join(parts)


def missing_of(requirement: Requirement, entitlement: Entitlement) -> tuple[str, ...]:
    """Return the required features that are not held, sorted."""
    return tuple(sorted(requirement.features - set(entitlement.features)))


def upgrade_for(requirement: Requirement, plans: Sequence[Plan]) -> Upgrade | None:
    """Return the cheapest plan on sale that meets a requirement alone; None if none does.

    Plans are compared by what a month costs. Amounts of different currencies cannot be compared:
    the currency of the first plan that fits counts.
    """
    found = [
        Upgrade(plan, shown_price(plan.prices))
        for plan in plans
        if plan.self_service
        and plan.prices
        and requirement.met_by(plan.terms.tier, plan.terms.features)
    ]
    if not found:
        return None
    currency = found[0].price.amount.currency
    same = [upgrade for upgrade in found if upgrade.price.amount.currency == currency]
    return min(same, key=lambda upgrade: _monthly(upgrade.price))


def shown_price(prices: Sequence[Price]) -> Price:
    """Return the cheapest monthly price, or the cheapest where there is no monthly one."""
    monthly = [price for price in prices if price.interval is Interval.MONTH]
    return min(monthly or prices, key=_monthly)


def _monthly(price: Price) -> Decimal:
    return price.amount.to_decimal() / _MONTHS[price.interval]
