"""An account's state, computed from all its objects: the same whatever order they came in.

A unit is what one subscription is bought through: a provider's subscription with its checkout and
invoices, or a single checkout. Where two units of one account rival for its capacity, the one that
was taken first keeps it; the other's money is to be given back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.subscription.domain import (
    Account,
    Alert,
    CapacityKind,
    Evidence,
    Offer,
    Order,
    Phase,
    Purchase,
    PurchaseStatus,
    Reason,
    Snapshot,
    State,
    Subscription,
    UnitKey,
)
from services.subscription.incoming import ProviderStatus
from services.subscription.lifecycle import (
    Standing,
    begins,
    may_become,
    phase_of,
    standing_of,
    state_of,
)
from services.subscription.ordering import next_order


class ImpossibleTransition(Exception):  # noqa: N818 - reads as what it is
    """The table does not lead from one state to the other: a defect here, never bad input."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that is known of one account, read under its lock."""

    account: Account
    purchases: Sequence[Purchase] = ()
    evidence: Sequence[Evidence] = ()
    snapshots: Sequence[Snapshot] = ()
    subscriptions: Sequence[Subscription] = ()
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What has to be written so that the account is as its objects say; empty if it is."""

    subscriptions: Sequence[Subscription] = ()
    purchases: Sequence[Purchase] = ()
    order: Order | None = None
    alerts: Sequence[Alert] = ()


@dataclass(slots=True)
class _Unit:
    """What is known of one unit, and what was made of it so far."""

    key: UnitKey
    purchase: Purchase | None = None
    snapshot: Snapshot | None = None
    first_paid: datetime | None = None
    known: Subscription | None = None
    taken: bool = False

    @property
    def offer(self) -> Offer | None:
        """The newest that could be said; what was sold before goes on if that is nothing."""
        seen = self.snapshot.appraisal.offer if self.snapshot else None
        sold = self.known.offer if self.known else None
        bought = self.purchase.appraisal.offer if self.purchase else None
        newest = seen or sold or bought
        if newest and sold and newest.plan == sold.plan:
            return replace(newest, catalog_version=sold.catalog_version)
        return newest

    @property
    def paid_at(self) -> datetime | None:
        times = [self.purchase.checkout.pay_time] if self.purchase else []
        times += [self.first_paid] if self.first_paid else []
        return min(times, default=None)

    @property
    def begun(self) -> bool:
        """Whether it is, or ever was, in force."""
        offer = self.offer
        if self.known is not None and self.known.begin_time is not None:
            return True
        seen = self.snapshot.seen if self.snapshot else None
        return offer is not None and begins(seen, offer, paid=self.paid_at is not None)

    @property
    def state(self) -> State:
        seen = self.snapshot.seen if self.snapshot else None
        return state_of(seen, begun=self.begun)

    @property
    def live(self) -> bool:
        offer = self.offer
        if offer is None or not self.begun:
            return False
        return standing_of(self.state, offer, over=False).phase is Phase.RUNNING

    @property
    def kind(self) -> CapacityKind:
        offer = self.offer
        return offer.capacity.kind if offer else CapacityKind.NOTHING

    @property
    def end(self) -> datetime | None:
        """When the provider says that it ended; None while it did not, or nobody knows."""
        if self.snapshot is None or self.snapshot.seen.status is not ProviderStatus.CANCELED:
            return None
        seen = self.snapshot.seen
        if seen.cancel_time and seen.period_end and seen.cancel_at_period_end:
            return max(seen.cancel_time, seen.period_end)
        return seen.cancel_time

    @property
    def refused(self) -> bool:
        status = self.purchase.status if self.purchase else None
        return status is PurchaseStatus.REFUND_DUE


def reckon(holdings: Holdings, *, now: datetime, epoch: int, permit: bool = False) -> Reckoning:
    """Return what has to change in the account.

    ``now`` is the database's time. Only with ``permit``, which the retention timer alone gives,
    does a grace that is over count as over.
    """
    units = _units(holdings)
    _judge(units)
    current = {sub.name: sub for sub in holdings.subscriptions}
    for unit in units:
        made = _subscription(unit, holdings.account.name, now=now, permit=permit)
        if made is not None:
            current[made.name] = made
    in_force = [sub for sub in current.values() if sub.begin_time is not None]
    order = next_order(holdings.account, in_force, holdings.order, epoch=epoch)
    purchases = [(unit.purchase, _became(unit)) for unit in units if unit.purchase]
    changed = [after for before, after in purchases if before != after]
    return Reckoning(
        subscriptions=_changed(holdings.subscriptions, current.values()),
        purchases=changed,
        order=order,
        alerts=_purchase_alerts(changed),
    )


def _units(holdings: Holdings) -> list[_Unit]:
    units: dict[UnitKey, _Unit] = {}

    def unit(key: UnitKey) -> _Unit:
        return units.setdefault(key, _Unit(key))

    for purchase in holdings.purchases:
        unit(key_of(purchase)).purchase = purchase
    for snapshot in holdings.snapshots:
        unit(snapshot.key).snapshot = snapshot
    for known in holdings.subscriptions:
        unit(known.key).known = known
    for paid in holdings.evidence:
        unit(paid.key).first_paid = paid.first_paid
    # Money for a subscription of which nothing else is known waits for the rest.
    return sorted(units.values(), key=_by_payment)


def key_of(purchase: Purchase) -> UnitKey:
    """Return the unit that a checkout belongs to."""
    customer = purchase.checkout.payer.customer
    subscription = purchase.checkout.provider_subscription_id
    single = "" if subscription else purchase.checkout.checkout_id
    return UnitKey(customer.provider, customer.provider_account, subscription, single)


def _by_payment(unit: _Unit) -> tuple[bool, float, str]:
    paid = unit.paid_at
    return paid is None, paid.timestamp() if paid else 0.0, unit.key.subscription_name


def _judge(units: Sequence[_Unit]) -> None:
    """Decide which units are taken: all that were before, then the earliest paid that may."""
    for unit in units:
        unit.taken = unit.known is not None and unit.known.begin_time is not None
    for unit in units:
        if unit.taken or unit.offer is None or not unit.begun:
            continue
        rivals = (other for other in units if other.taken and _rivals(other, unit))
        unit.taken = not any(_in_the_way(rival, unit) for rival in rivals)


def _rivals(one: _Unit, other: _Unit) -> bool:
    """Tell whether the account's one order cannot hold both."""
    nothing = {one.kind, other.kind} & {CapacityKind.NOTHING}
    return one.kind is other.kind or not nothing


def _in_the_way(holder: _Unit, newcomer: _Unit) -> bool:
    """Tell whether a unit that was taken keeps another from being taken.

    What was refused may have been given back by hand. It is taken after all only if the provider
    still bills it, or if it turns out that the two were never in force at the same time.
    """
    if not _overlap(holder, newcomer):
        return False
    if holder.live:
        return True
    billed = newcomer.snapshot is not None and newcomer.live
    return newcomer.refused and not billed


def _overlap(one: _Unit, other: _Unit) -> bool:
    return not (_ended_before(one, other) or _ended_before(other, one))


def _ended_before(one: _Unit, other: _Unit) -> bool:
    begin = other.paid_at
    return one.end is not None and begin is not None and one.end <= begin


def _subscription(unit: _Unit, account: str, *, now: datetime, permit: bool) -> Subscription | None:
    offer = unit.offer
    refused = unit.begun and not unit.taken
    if offer is None or refused:
        return None
    seen = unit.snapshot.seen if unit.snapshot else None
    known = unit.known or Subscription(
        name=unit.key.subscription_name,
        account=account,
        key=unit.key,
        offer=offer,
        state=State.INCOMPLETE,
        create_time=now,
        update_time=now,
    )
    standing, due, over_time = _grace(unit, offer, known, now=now, permit=permit)
    if not may_become(known.state, standing.state):
        raise ImpossibleTransition(known.name, known.state, standing.state)
    made = replace(
        known,
        offer=offer,
        state=standing.state,
        period_start=seen.period_start if seen else known.period_start,
        period_end=seen.period_end if seen else known.period_end,
        begin_time=_begin(unit, known, now) if unit.taken else None,
        ending=standing.ending,
        due=due,
        over_time=over_time,
    )
    return replace(made, update_time=now) if made != known else made


def _begin(unit: _Unit, known: Subscription, now: datetime) -> datetime:
    """Return when it came to be in force: never later than was known before."""
    started = unit.snapshot.seen.period_start if unit.snapshot else None
    times = [time for time in (unit.paid_at, known.begin_time) if time is not None]
    return min(times, default=started or now)


def _grace(
    unit: _Unit, offer: Offer, known: Subscription, *, now: datetime, permit: bool
) -> tuple[Standing, datetime | None, datetime | None]:
    """Return the standing, when its grace ends, and when the timer found it over.

    A grace begins when its ending does and is not begun anew by a replay.
    """
    if not unit.taken:
        return Standing(unit.state, None), None, None
    state = unit.state
    fresh = standing_of(state, offer, over=False)
    if not fresh.timed:
        return fresh, None, None
    if known.ending is not fresh.ending or known.due is None:
        return fresh, now + offer.retention, None
    over_time = known.over_time or (now if permit and known.due <= now else None)
    standing = standing_of(state, offer, over=over_time is not None)
    if known.over and standing.phase is Phase.DELETED and phase_of(known) is not Phase.DELETED:
        # The plan's policy became deletion after a grace of another kind: that was no permit.
        return fresh, now + offer.retention, None
    return standing, known.due, over_time


def _became(unit: _Unit) -> Purchase:
    purchase = unit.purchase
    assert purchase is not None, "only units with a purchase are asked"  # noqa: S101
    if unit.offer is None:
        return replace(purchase, status=PurchaseStatus.PARKED, reason=purchase.appraisal.problem)
    if not unit.taken:
        reason = Reason.ACCOUNT_HAS_SUBSCRIPTION
        return replace(purchase, status=PurchaseStatus.REFUND_DUE, reason=reason)
    name = unit.key.subscription_name
    return replace(purchase, status=PurchaseStatus.APPLIED, reason="", subscription=name)


def _changed(
    before: Sequence[Subscription], after: Iterable[Subscription]
) -> Sequence[Subscription]:
    known = {sub.name: sub for sub in before}
    return [sub for sub in after if known.get(sub.name) != sub]


def _purchase_alerts(changed: Sequence[Purchase]) -> Sequence[Alert]:
    return [
        Alert(purchase.reason, purchase.name, (("checkout", purchase.checkout.checkout_id),))
        for purchase in changed
        if purchase.status is not PurchaseStatus.APPLIED
    ]
